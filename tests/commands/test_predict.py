"""`python scripts/predict.py`: masks, overlays and areas of a user's photos."""

import csv
import json
import os
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from clothseg.commands import predict
from clothseg.commands.main import main
from clothseg.commands.predict import semantic
from clothseg.commands.predict.photos import find_photos, other_files
from clothseg.commands.predict.semantic import PhotoSegmenter
from clothseg.config.command_line import check_command
from clothseg.dataset.image import read_image
from clothseg.dataset.person_segmenter import PersonSegmenter
from clothseg.error import DataError
from clothseg.report.overlay import overlay
from clothseg.task.color_names import REFERENCES
from support.command_line import records
from support.shipped_config import label_space
from support.small_datasets import png


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Photos of several formats, one that is broken, and an unrelated file."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for name, size in (("a.jpg", (50, 40)), ("b.png", (33, 70)), ("below/c.JPEG", (64, 64))):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 255, (*size, 3), np.uint8)).save(folder / name)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 not much of a photo")
    (folder / "notes.txt").write_text("no photo")
    return folder


@pytest.fixture(scope="module")
def predicted(swept, command_line, photos, tmp_path_factory):
    """Output folder and console output of the command."""
    output = tmp_path_factory.mktemp("predicted")
    run = records(swept[0])[0].folder
    result = command_line.run(
        ["scripts/predict.py", f"run={run}", f"input={photos}", f"output={output}"]
    )
    return output, result


@pytest.mark.slow
def test_a_broken_photo_does_not_stop_the_others(predicted):
    output, result = predicted
    assert result.returncode == 1
    assert "1 of 4 photos skipped" in result.stderr
    assert "broken.jpg: the image is truncated" in result.stderr
    assert "3 photos segmented" in result.stdout
    assert str(output) in result.stdout
    written = {str(p.relative_to(output)) for p in output.rglob("*") if p.is_file()}
    names = ("a", "b", "below/c")
    assert written == {
        *(f"masks/{name}.png" for name in names),
        *(f"overlays/{name}.jpg" for name in names),
        *("areas.csv", "areas.json", "labels.json"),
    }


@pytest.mark.slow
def test_masks_have_the_size_of_the_photos_and_match_the_areas(predicted):
    output, _ = predicted
    rows = {row["photo"]: row for row in json.loads((output / "areas.json").read_text())}
    names = [row["name"] for row in json.loads((output / "labels.json").read_text())]
    with (output / "areas.csv").open() as file:
        table = {row["photo"]: row for row in csv.DictReader(file)}
    for name, size in (("a", (50, 40)), ("b", (33, 70)), ("below/c", (64, 64))):
        mask = png(output / "masks" / f"{name}.png")
        assert mask.shape == size == (rows[name]["height"], rows[name]["width"])
        counts = np.bincount(mask.ravel(), minlength=len(names)).tolist()
        assert list(rows[name]["pixels"].values()) == counts
        assert [int(table[name][label]) for label in names] == counts
        colored = [label for label, count in zip(names, counts, strict=True) if count][1:]
        assert set(rows[name]["colors"]) <= set(colored)
        for label, colors in rows[name]["colors"].items():
            pixels = mask == names.index(label)
            for color in colors:
                assert color["name"] in REFERENCES
                assert 0.1 <= color["fraction"] <= 1
                assert color["fraction"] * pixels.sum() == pytest.approx(
                    round(color["fraction"] * pixels.sum())
                )


@pytest.fixture(params=["squeeze", "letterbox", "crop"])
def record_of_a_fit(request, swept, command_line, tmp_path):
    """Finished run whose images were fitted in one of the ways; not all are square."""
    if request.param == "squeeze":
        return records(swept[0])[0]
    keys = ["data.image_size=[64,32]", f"data.fit={request.param}", "report.figures=all"]
    result = command_line.run(command_line.tiny(tmp_path / "outputs", *keys))
    assert result.returncode == 0, result.stderr
    (record,) = records(tmp_path / "outputs")
    return record


@pytest.mark.slow(seconds=20)
def test_predictions_match_those_of_evaluate(record_of_a_fit, command_line, tmp_path):
    """The command predicts the same classes as `scripts/evaluate.py resolution=original`.

    On some processors a different batch size changes rounding, which can flip pixels at which two
    classes have almost equal logits.
    """
    record = record_of_a_fit
    roots = (command_line.folder / "datasets").iterdir()
    root = next(path for path in roots if (path / "photos").is_dir())
    names = json.loads((record.folder / "split.json").read_text())["test"]
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    for name in names:
        (chosen / f"{name}.jpg").write_bytes((root / "photos" / f"{name}.jpg").read_bytes())
    result = command_line.run(
        [
            *("scripts/predict.py", f"run={record.folder}", f"input={chosen}/*.jpg"),
            *(f"output={tmp_path}", "overlays=false"),
        ]
    )
    assert result.returncode == 0, result.stderr
    assert not (tmp_path / "overlays").exists()
    scores = tmp_path / "scores.json"
    result = command_line.run(
        [
            *(*command_line.evaluate, f"run={record.folder}", f"output={scores}"),
            "resolution=original",
        ]
    )
    matrix = np.array(json.loads(scores.read_text())["confusion_matrix"])
    masks = [png(tmp_path / "masks" / f"{name}.png") for name in names]
    predicted = sum(np.bincount(mask.ravel(), minlength=15) for mask in masks)
    assert np.abs(matrix.sum(0) - predicted).sum() <= 1e-4 * matrix.sum()


@pytest.mark.slow
def test_folds_and_tta_can_be_combined(swept, command_line, photos, tmp_path):
    folder = records(swept[0])[0].folder.parent
    result = command_line.run(
        [
            *("scripts/predict.py", f"run={folder}", f"input={photos / 'a.jpg'}"),
            *(f"output={tmp_path}", "ensemble=folds", "tta=flip", "scales=[1.0,2.0]"),
        ]
    )
    assert result.returncode == 0, result.stderr
    assert png(tmp_path / "masks" / "a.png").shape == (50, 40)


def test_photos_are_rotated_by_their_exif_orientation(tmp_path):
    photo = np.zeros((20, 40, 3), np.uint8)
    photo[:, :20] = 200  # the left half is bright
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise
    Image.fromarray(photo).save(tmp_path / "rotated.jpg", exif=exif, quality=95)
    upright = read_image(tmp_path / "rotated.jpg", upright=True)
    assert upright.shape == (40, 20, 3)
    assert upright[:18].mean() > 190
    assert upright[22:].mean() < 10
    assert read_image(tmp_path / "rotated.jpg").shape == (20, 40, 3)


@pytest.mark.parametrize(
    ("height", "width", "person"),
    [(60, 40, (10, 20, 30, 50)), (40, 90, (60, 5, 80, 35))],  # left, top, right, bottom
)
def test_photos_are_cropped_to_the_person_that_the_detector_of_the_run_finds(
    height, width, person, monkeypatch
):
    """Selfie segmentation finds the bright pixels, and the network labels all of its input."""

    class Network:
        def to(self, device):
            return self

        def predict(self, images, placement):
            assert images.shape[1:] == (64, 64, 3)
            return np.ones((len(images), *placement.size), np.uint8)

    monkeypatch.setattr(PersonSegmenter, "require", lambda self: None)
    monkeypatch.setattr(semantic, "load_segmenter", lambda *_: Network())
    keys = ["crop=detector", "detector=selfie", "crop_margin=0.1", "root=none"]
    settings = ["dataset=ccp", "data.image_size=64", *(f"dataset.{key}" for key in keys)]
    (composed,) = check_command(settings)
    segment = PhotoSegmenter(composed.config, [], "none", [1.0], overlays=False, opacity=1)
    bright = SimpleNamespace(setInput=lambda values: bright.__dict__.update(values=values))
    bright.forward = lambda: bright.values.mean(1, keepdims=True)
    segment.detector.__dict__["_network"] = bright
    photo = np.zeros((height, width, 3), np.uint8)
    left, top, right, bottom = person
    photo[top:bottom, left:right] = 255
    rows, columns = np.nonzero(segment(photo))
    beside, above = 0.1 * (right - left), 0.1 * (bottom - top)
    expected = [left - beside, top - above, right + beside, bottom + above]
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert np.abs(np.subtract(found, expected)).max() <= 2


@pytest.fixture
def segment(monkeypatch, tmp_path):
    """Function that runs the command with a network that predicts one class everywhere."""

    class Stub(PhotoSegmenter):
        def __init__(self):
            self.labels, self.overlays, self.opacity = label_space("refined15"), True, 0.5

        def __call__(self, photo):
            return np.ones(photo.shape[:2], np.uint8)

    config = SimpleNamespace(labels=label_space("refined15"))
    monkeypatch.setattr(predict, "recorded_config", lambda run, trust: config)
    monkeypatch.setattr(predict, "warn_if_unfinished", lambda runs: None)
    monkeypatch.setattr(predict, "_predictor", lambda *_: Stub())
    return lambda given, output: predict.predict_command(
        ["run=any", f"input={given}", f"output={output}"]
    )


def write_photos(folder, *names):
    """Write tiny photos to a new folder."""
    folder.mkdir()
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 6)).save(folder / name, format="png")
    return folder


def table(output):
    """Names of the photos in `areas.csv`."""
    return [row.split(",")[0] for row in (output / "areas.csv").read_text().splitlines()[1:]]


def test_long_names_are_supported(segment, tmp_path):
    photos = write_photos(tmp_path / "photos", f"{'n' * 248}.jpg")
    assert segment(photos, tmp_path / "o") == 0
    assert (tmp_path / "o" / "masks" / f"{'n' * 248}.png").is_file()


def test_a_photo_whose_mask_name_is_too_long_does_not_stop_the_others(segment, tmp_path):
    names = [f"{'n' * 248}.{suffix}" for suffix in ("jpg", "png")]  # masks keep these suffixes
    photos = write_photos(tmp_path / "photos", "a.jpg", *names, "z.jpg")
    with pytest.raises(DataError, match="2 of 4 photos skipped") as error:
        segment(photos, tmp_path / "o")
    message = f"{names[0]}: its mask cannot have the same name (File name too long); rename"
    assert message in str(error.value)
    assert table(tmp_path / "o") == ["a", "z"]
    written = sorted(path.name for path in (tmp_path / "o" / "masks").iterdir())
    assert written == ["a.png", "z.png"]


def test_an_output_folder_that_cannot_be_written_stops_the_command(segment, tmp_path):
    photos = write_photos(tmp_path / "photos", "a.jpg")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written: Not a directory"):
        segment(photos, tmp_path / "file" / "below")


def test_a_name_that_is_not_utf8_is_reported_in_ascii(segment, tmp_path):
    photos = write_photos(tmp_path / "photos", "a.jpg", os.fsdecode(b"caf\xe9.jpg"))
    with pytest.raises(
        DataError, match=r"caf\\udce9\.jpg': the name is not UTF-8; rename"
    ) as error:
        segment(photos, tmp_path / "o")
    assert "1 of 2 photos skipped" in str(error.value)
    assert str(error.value).isascii()
    assert table(tmp_path / "o") == ["a"]


def test_a_folder_named_like_a_photo_is_not_a_photo(tmp_path):
    photos = write_photos(tmp_path / "photos", "a.jpg", "dir.jpg/b.png")
    found = find_photos(str(photos), tmp_path / "o")
    assert [photo.name for photo in found] == ["a", "dir.jpg/b"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*/*.jpg", ["a/0001", "b/0001"]),
        ("[a]/*.jpg", ["0001"]),
        ("**/*.jpg", ["a/0001", "b/0001"]),
    ],
)
def test_photos_of_a_pattern_keep_their_subfolders(pattern, names, tmp_path, monkeypatch):
    write_photos(tmp_path / "photos", "a/0001.jpg", "b/0001.jpg")
    monkeypatch.chdir(tmp_path)
    found = find_photos(f"photos/{pattern}", tmp_path / "o")
    assert [photo.name for photo in found] == names


def test_photos_with_equal_stems_keep_their_suffixes(tmp_path):
    for name in ("one.jpg", "one.png", "two.jpg"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "out" / "overlays").mkdir(parents=True)
    (tmp_path / "out" / "overlays" / "one.jpg").write_bytes(b"")
    found = find_photos(str(tmp_path), tmp_path / "out")
    assert [photo.name for photo in found] == ["one.jpg", "one.png", "two"]


@pytest.mark.parametrize("given", [".", "**/*.*", "photos"])
def test_outputs_of_an_earlier_command_are_not_segmented(given, tmp_path, monkeypatch):
    for name in ("photos/a.png", "photos/out/b.png", "out/masks/a.png", "out/overlays/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    found = find_photos(given, tmp_path / "photos/../out")
    assert sorted(photo.path.name for photo in found) == ["a.png", "b.png"]
    assert find_photos("photos", tmp_path / "photos") == found or given != "photos"


def test_a_photo_with_too_many_pixels_is_rejected(tmp_path):
    body = b"IHDR" + (100_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    header = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + body
    header += zlib.crc32(body).to_bytes(4, "big")
    (tmp_path / "huge.png").write_bytes(header + b"\0" * 60)
    with pytest.raises(DataError, match=r"huge\.png: the image cannot be decoded"):
        read_image(tmp_path / "huge.png")


def test_the_legend_contains_only_classes_in_the_mask():
    photo = np.full((60, 50, 3), 120, np.uint8)
    mask = np.zeros((60, 50), np.uint8)
    mask[20:40, 10:40] = 1
    colors = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]], np.uint8)
    picture = overlay(photo, mask, ["BG", "Coat", "Hat"], colors, opacity=0.5)
    assert (picture[5, 5] == 120).all()
    assert picture[30, 25].tolist() == pytest.approx([188, 60, 60], abs=1)
    legend = picture[:, 50:]
    assert legend.shape[1] > 50
    assert (legend == [255, 0, 0]).all(2).sum() > 50
    assert not (legend == [0, 255, 0]).all(2).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["input=nowhere", "output=x"], "run is required"),
        (["run=tests", "input=tests", "output=x"], "tests is not a run folder"),
    ],
)
def test_an_error_is_one_message(options, message, capsys):
    assert main("predict", options) == 1
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_an_input_without_photos_is_an_error(swept, command_line, tmp_path):
    run = records(swept[0])[0].folder
    for given, message in (
        (tmp_path, "no photo in this folder (.jpg"),
        (tmp_path / "*.jpg", "no such photo or folder, and no file matches it as a pattern"),
    ):
        result = command_line.run(
            ["scripts/predict.py", f"run={run}", f"input={given}", f"output={tmp_path}"]
        )
        assert result.returncode == 1
        assert message in result.stderr


def test_files_of_other_kinds_are_counted_and_named(tmp_path):
    for name in ("a.jpg", "b.heic", "below/c.mp4", "below/d.mp4", ".hidden", "out/labels.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    text = other_files(str(tmp_path), tmp_path / "out")
    assert text.startswith("3 files are not of a used kind (.bmp, .jpeg, .jpg,")
    assert text.endswith("2 .mp4, 1 .heic: b.heic, c.mp4, d.mp4")
    assert other_files(str(tmp_path / "a.jpg"), tmp_path / "out") == ""
