"""`python scripts/predict.py`: masks, pictures and areas of anyone's photos."""

import csv
import json
import os
import zlib

import numpy as np
import pytest
from PIL import Image

from clothseg.commands import predict
from clothseg.commands.main import main
from clothseg.commands.predict import find_photos
from clothseg.dataset.photo import read_photo
from clothseg.error import DataError
from clothseg.report.overlay import overlay
from support.command_line import records
from support.shipped_config import label_space
from support.small_datasets import png


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Photos of several kinds, one that is none, and a file that nobody asks for."""
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
    """What the command wrote, and what it said."""
    output = tmp_path_factory.mktemp("predicted")
    run = records(swept[0])[0].folder
    said = command_line.run(
        ["scripts/predict.py", f"run={run}", f"input={photos}", f"output={output}"]
    )
    return output, said


@pytest.mark.slow
def test_one_bad_photo_stops_no_other(predicted):
    output, said = predicted
    assert said.returncode == 1
    assert "1 of 4 photos left out" in said.stderr
    assert "broken.jpg: the photo is truncated" in said.stderr
    assert "3 photos segmented" in said.stdout
    assert str(output) in said.stdout
    written = {str(p.relative_to(output)) for p in output.rglob("*") if p.is_file()}
    names = ("a", "b", "below/c")
    assert written == {
        *(f"masks/{name}.png" for name in names),
        *(f"overlays/{name}.jpg" for name in names),
        *("areas.csv", "areas.json", "labels.json"),
    }


@pytest.mark.slow
def test_masks_have_the_size_of_the_photos_and_areas_count_them(predicted):
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


@pytest.mark.slow
def test_a_photo_of_the_dataset_gets_the_classes_that_it_was_scored_with(
    swept, command_line, tmp_path
):
    """The command and `scripts/evaluate.py resolution=original` see the same.

    A batch of another size is rounded otherwise on some processors, which can tip a pixel at which
    two classes are nearly equal.
    """
    record = records(swept[0])[0]
    roots = (command_line.folder / "datasets").iterdir()
    root = next(path for path in roots if (path / "photos").is_dir())
    names = json.loads((record.folder / "split.json").read_text())["test"]
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    for name in names:
        (chosen / f"{name}.jpg").write_bytes((root / "photos" / f"{name}.jpg").read_bytes())
    said = command_line.run(
        [
            *("scripts/predict.py", f"run={record.folder}", f"input={chosen}/*.jpg"),
            *(f"output={tmp_path}", "overlays=false"),
        ]
    )
    assert said.returncode == 0, said.stderr
    assert not (tmp_path / "overlays").exists()
    scores = tmp_path / "scores.json"
    said = command_line.run(
        [
            *("scripts/evaluate.py", f"run={record.folder}", f"output={scores}"),
            "resolution=original",
        ]
    )
    matrix = np.array(json.loads(scores.read_text())["confusion_matrix"])
    masks = [png(tmp_path / "masks" / f"{name}.png") for name in names]
    predicted = sum(np.bincount(mask.ravel(), minlength=15) for mask in masks)
    assert np.abs(matrix.sum(0) - predicted).sum() <= 1e-4 * matrix.sum()


@pytest.mark.slow
def test_folds_and_views_can_work_together(swept, command_line, photos, tmp_path):
    folder = records(swept[0])[0].folder.parent
    said = command_line.run(
        [
            *("scripts/predict.py", f"run={folder}", f"input={photos / 'a.jpg'}"),
            *(f"output={tmp_path}", "ensemble=folds", "tta=flip", "scales=[1.0,2.0]"),
        ]
    )
    assert said.returncode == 0, said.stderr
    assert png(tmp_path / "masks" / "a.png").shape == (50, 40)


def test_photos_are_turned_as_their_camera_says(tmp_path):
    photo = np.zeros((20, 40, 3), np.uint8)
    photo[:, :20] = 200  # the left half is bright
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    Image.fromarray(photo).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    upright = read_photo(tmp_path / "turned.jpg", upright=True)
    assert upright.shape == (40, 20, 3)
    assert upright[:18].mean() > 190
    assert upright[22:].mean() < 10
    assert read_photo(tmp_path / "turned.jpg").shape == (20, 40, 3)


@pytest.fixture
def segmenting(monkeypatch, tmp_path):
    """The command with a network that sees one class everywhere; takes what is to be segmented."""

    class Segmenter:
        labels = label_space("refined15")

        def __call__(self, photo):
            return np.ones(photo.shape[:2], np.uint8)

    monkeypatch.setattr(predict, "recorded_config", lambda run, trust: {})
    monkeypatch.setattr(predict, "warn_of_unfinished", lambda runs: None)
    monkeypatch.setattr(predict, "Segmenter", lambda *_: Segmenter())
    return lambda given, output: predict.predict_command(
        ["run=any", f"input={given}", f"output={output}"]
    )


def photos_called(folder, *names):
    """Tiny photos in a new folder."""
    folder.mkdir()
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 6)).save(folder / name, format="png")
    return folder


def table(output):
    """The names of the photos in `areas.csv`."""
    return [row.split(",")[0] for row in (output / "areas.csv").read_text().splitlines()[1:]]


def test_a_long_name_is_no_hindrance(segmenting, tmp_path):
    photos = photos_called(tmp_path / "photos", f"{'n' * 248}.jpg")
    assert segmenting(photos, tmp_path / "o") == 0
    assert (tmp_path / "o" / "masks" / f"{'n' * 248}.png").is_file()


def test_a_photo_whose_mask_cannot_have_its_name_stops_no_other(segmenting, tmp_path):
    names = [f"{'n' * 248}.{suffix}" for suffix in ("jpg", "png")]  # kept in both masks' names
    photos = photos_called(tmp_path / "photos", "a.jpg", *names, "z.jpg")
    with pytest.raises(DataError, match="2 of 4 photos left out") as told:
        segmenting(photos, tmp_path / "o")
    assert f"{names[0]}: its mask cannot be named like it (File name too long)" in str(told.value)
    assert table(tmp_path / "o") == ["a", "z"]
    written = sorted(path.name for path in (tmp_path / "o" / "masks").iterdir())
    assert written == ["a.png", "z.png"]


def test_an_output_that_cannot_be_written_stops_everything(segmenting, tmp_path):
    photos = photos_called(tmp_path / "photos", "a.jpg")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written: Not a directory"):
        segmenting(photos, tmp_path / "file" / "below")


def test_a_name_that_is_not_utf8_is_told_in_letters_that_all_terminals_have(segmenting, tmp_path):
    photos = photos_called(tmp_path / "photos", "a.jpg", os.fsdecode(b"caf\xe9.jpg"))
    with pytest.raises(DataError, match=r"caf\\udce9\.jpg': the name is not UTF-8; rename") as told:
        segmenting(photos, tmp_path / "o")
    assert "1 of 2 photos left out" in str(told.value)
    assert str(told.value).isascii()
    assert table(tmp_path / "o") == ["a"]


def test_a_folder_called_like_a_photo_is_none(tmp_path):
    photos = photos_called(tmp_path / "photos", "a.jpg", "dir.jpg/b.png")
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
def test_photos_of_a_pattern_keep_the_folders_that_tell_them_apart(
    pattern, names, tmp_path, monkeypatch
):
    photos_called(tmp_path / "photos", "a/0001.jpg", "b/0001.jpg")
    monkeypatch.chdir(tmp_path)
    found = find_photos(f"photos/{pattern}", tmp_path / "o")
    assert [photo.name for photo in found] == names


def test_photos_of_one_name_keep_their_suffixes(tmp_path):
    for name in ("one.jpg", "one.png", "two.jpg"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "out" / "overlays").mkdir(parents=True)
    (tmp_path / "out" / "overlays" / "one.jpg").write_bytes(b"")
    found = find_photos(str(tmp_path), tmp_path / "out")
    assert [photo.name for photo in found] == ["one.jpg", "one.png", "two"]


@pytest.mark.parametrize("given", [".", "**/*.*", "photos"])
def test_what_was_written_before_is_not_segmented_again(given, tmp_path, monkeypatch):
    for place in ("photos/a.png", "photos/out/b.png", "out/masks/a.png", "out/overlays/a.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / place)
    monkeypatch.chdir(tmp_path)
    found = find_photos(given, tmp_path / "photos/../out")
    assert sorted(photo.path.name for photo in found) == ["a.png", "b.png"]
    assert find_photos("photos", tmp_path / "photos") == found or given != "photos"


def test_a_photo_that_claims_too_many_pixels_is_a_bad_photo(tmp_path):
    body = b"IHDR" + (100_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    header = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + body
    header += zlib.crc32(body).to_bytes(4, "big")
    (tmp_path / "huge.png").write_bytes(header + b"\0" * 60)
    with pytest.raises(DataError, match=r"huge\.png: the photo cannot be decoded"):
        read_photo(tmp_path / "huge.png")


def test_a_legend_names_the_classes_that_are_there():
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
        (["input=nowhere", "output=x"], "run has no default"),
        (["run=tests", "input=tests", "output=x"], "tests is no run folder"),
    ],
)
def test_a_mistake_is_one_message(options, message, capsys):
    assert main("predict", options) == 1
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_where_there_is_no_photo_is_told(swept, command_line, tmp_path):
    run = records(swept[0])[0].folder
    for given, message in (
        (tmp_path, "holds no photo (.jpg"),
        (tmp_path / "*.jpg", "is no photo, folder or pattern"),
    ):
        said = command_line.run(
            ["scripts/predict.py", f"run={run}", f"input={given}", f"output={tmp_path}"]
        )
        assert said.returncode == 1
        assert message in said.stderr
