"""An export contains byte-for-byte copies of the images and masks that other commands read."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from clothseg.commands.dataset import export as module
from clothseg.commands.dataset.export import export
from clothseg.commands.main import main
from clothseg.dataset import Sample, ccp, merged
from clothseg.dataset.png import read_ids
from clothseg.dataset.wardrobe import LAYOUTS
from clothseg.error import DataError
from clothseg.label_file import read_label_file
from support.clean_ccp import stripes
from support.shipped_config import CCP_NAMES, label_space
from support.small_datasets import write_mask

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less


def run(root, output, *overrides):
    folders = f"dataset.root={root}", f"output={output}"
    return main("dataset", ["action=export", "dataset=ccp", *folders, *overrides])


def test_images_are_copied_and_masks_hold_class_ids(clean_ccp, tmp_path, capsys):
    mask = stripes(2)
    mask[0, :7] = 255
    write_mask(clean_ccp, 2, mask)
    output = tmp_path / "exports" / "ccp"
    assert run(clean_ccp, output, "labels=body4") == 0
    assert f"3 images of ccp in body4 written to {output}" in capsys.readouterr().out
    assert sorted(path.name for path in output.iterdir()) == ["images", "labels.json", "masks"]
    for number in ("0001", "0002", "0003"):
        image = (clean_ccp / "photos" / f"{number}.jpg").read_bytes()
        assert (output / "images" / f"{number}.jpg").read_bytes() == image
    classes = {"null": 0, "hair": 2, "skin": 3}
    expected = np.array([classes.get(name, 1) for name in CCP_NAMES])[mask.clip(0, 58)]
    expected[mask == 255] = 255
    with Image.open(output / "masks" / "0002.png") as written:
        assert written.mode == "L"
        assert np.array_equal(np.asarray(written), expected)
    assert json.loads((output / "labels.json").read_text()) == [
        {"id": 0, "name": "background", "color": "#000000"},
        {"id": 1, "name": "clothes", "color": "#4878d0"},
        {"id": 2, "name": "hair", "color": "#8c613c"},
        {"id": 3, "name": "skin", "color": "#eebb99"},
    ]
    assert not list(output.parent.glob(".*"))


def test_exported_masks_score_one_against_themselves(clean_ccp, tmp_path):
    output = tmp_path / "export"
    assert run(clean_ccp, output, "labels=refined15") == 0
    masks = output / "masks"
    folders = f"prediction={masks}", f"target={masks}", f"output={tmp_path / 'score.json'}"
    assert main("score", [*folders, f"labels={output / 'labels.json'}"]) == 0
    card = json.loads((tmp_path / "score.json").read_text())
    assert card["num_images"] == 3
    assert card["classes_counted"] == 15
    assert card["mean"]["iou"] == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_mask_round_trip(tmp_path, mask):
    image = tmp_path / "a.jpg"
    image.write_bytes(b"image")
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir(exist_ok=True)
    reader = SimpleNamespace(read=lambda sample: (None, mask))
    unchanged = np.arange(256, dtype=np.uint8)
    module._write_sample(Sample("a", image, image), reader, unchanged, tmp_path)
    assert np.array_equal(read_ids(tmp_path / "masks" / "a.png"), mask)


@pytest.mark.parametrize("existing", ["a folder with a file", "a file"])
def test_existing_files_are_not_overwritten(existing, clean_ccp, tmp_path, capsys):
    output = tmp_path / "mine"
    file = output
    if existing == "a folder with a file":
        output.mkdir()
        file = output / "notes.txt"
    file.write_text("keep me")
    assert run(clean_ccp, output) == 1
    assert f"output={output} is not empty" in capsys.readouterr().err
    assert file.read_text() == "keep me"
    assert not list(tmp_path.glob(".*"))


def test_interrupted_export_starts_over(clean_ccp, tmp_path, monkeypatch):
    reader = ccp(root=str(clean_ccp), names=CCP_NAMES)
    output = tmp_path / "export"
    read = type(reader).read

    def stop_at_the_third(self, sample):
        if sample.name == "0003":
            raise KeyboardInterrupt
        return read(self, sample)

    monkeypatch.setattr(type(reader), "read", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        export(reader, label_space("body4"), output)
    assert not output.exists()
    monkeypatch.undo()
    output.mkdir()  # an empty folder is accepted
    assert export(reader, label_space("ccp59"), output) == 3
    assert read_ids(output / "masks" / "0001.png").max() == 58
    assert [path.name for path in tmp_path.iterdir() if "export" in path.name] == ["export"]


def test_defect_leaves_no_files(clean_ccp, tmp_path, capsys):
    (clean_ccp / "photos/0002.jpg").write_text("not an image")
    output = tmp_path / "export"
    assert run(clean_ccp, output) == 1
    assert "0002.jpg: the image cannot be decoded" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["clean"]


def test_full_disk_leaves_no_files(clean_ccp, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.shutil, "copyfile", fail)
    with pytest.raises(DataError, match=r"failed \(No space left on device\); nothing was saved"):
        export(ccp(root=str(clean_ccp), names=CCP_NAMES), label_space("body4"), tmp_path / "export")
    assert [path.name for path in tmp_path.iterdir()] == ["clean"]


def test_images_of_merged_datasets_have_unique_names(clean_ccp, tmp_path):
    parts = {name: ccp(root=str(clean_ccp), names=CCP_NAMES) for name in ("one", "two")}
    assert export(merged(sources=parts), label_space("ccp59"), tmp_path / "export") == 6
    names = sorted(path.name for path in (tmp_path / "export" / "images").iterdir())
    assert names[:1] + names[3:4] == ["one-0001.jpg", "two-0001.jpg"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("labels=cfpd23", "does not assign"),
        ("dataset.crop=mask", "dataset.crop=mask: an export copies uncropped images"),
        ("output_folder=x", "output_folder: no such key; did you mean `output`?"),
    ],
)
def test_user_error_is_one_message(override, message, clean_ccp, tmp_path, capsys):
    assert run(clean_ccp, tmp_path / "export", override) == 1
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["clean"]


def test_exported_human_parsing_keeps_flip_pairs(tmp_path):
    LAYOUTS["cihp"](tmp_path / "cihp", 4, 0, lambda count: None)
    folder = tmp_path / "exported"
    overrides = ["dataset=cihp", f"dataset.root={tmp_path / 'cihp'}", f"output={folder}"]
    assert main("dataset", ["action=export", *overrides]) == 0
    pairs = read_label_file(folder / "labels.json").flip_pairs
    assert pairs == [
        ["Left-arm", "Right-arm"],
        ["Left-leg", "Right-leg"],
        ["Left-shoe", "Right-shoe"],
    ]


def test_export_into_the_working_directory(clean_ccp, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert run(clean_ccp, ".") == 0
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == [
        "images",
        "labels.json",
        "masks",
    ]
