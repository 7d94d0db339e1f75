"""iMaterialist: maps as they were drawn by both rules, and each defect of a line by its number."""

import json

import cv2
import numpy as np
import pytest

from clothseg.dataset import Sample
from clothseg.dataset.listing import complete_samples
from clothseg.error import DataError
from support.shipped_config import reader_of
from support.small_datasets import png

HEADER = "ImageId,EncodedPixels,Height,Width,ClassId"
LINES = ["a.jpg,1 2 5 2,3,4,0_5_7", "a.jpg,2 3 12 1,3,4,31", "b.jpg,1 12,3,4,45"]
"""Photos of three rows and four columns; runs go down the columns, from 1."""


@pytest.fixture
def fixture(drawn_datasets):
    return drawn_datasets / "imaterialist"


def write_table(root, *lines, header=HEADER):
    (root / "train").mkdir(parents=True, exist_ok=True)
    (root / "train.csv").write_text("\n".join([header, *lines]) + "\n")
    for name in {part for line in lines for part in line.split(",") if part.endswith(".jpg")}:
        cv2.imwrite(str(root / "train" / name), np.zeros((3, 4, 3), np.uint8))
    return root


def read_first(root, **changes):
    reader = reader_of("imaterialist", root, **changes)
    return reader.read(reader.samples()[0])


@pytest.mark.parametrize("overlap", ["later_wins", "small_on_top"])
def test_maps_are_those_that_were_drawn(fixture, overlap):
    reader = reader_of("imaterialist", fixture, overlap=overlap, missing="leave_out")
    expected = sorted((fixture / "expected" / overlap).iterdir())
    assert len(expected) == 11
    for path in expected:  # of the photo that is missing as well
        sample = Sample(path.stem, fixture / "train" / f"{path.stem}.jpg", fixture / "train.csv")
        assert np.array_equal(reader.read_mask(sample), png(path))


def test_rows_are_those_that_were_drawn(fixture):
    expected = json.loads((fixture / "expected" / "expected.json").read_text())
    reader = reader_of("imaterialist", fixture, missing="leave_out")
    images = [image for image in expected["images"] if image["image_file_present"]]
    samples = reader.samples()
    assert [sample.image.name for sample in samples] == [image["image_id"] for image in images]
    for sample, image in zip(samples, images, strict=True):
        rows = reader.rows(sample)
        assert [list(row.attributes) for row in rows] == [r["attributes"] for r in image["rows"]]
        drawn = [(row["raw_category"] + 1, row["area"]) for row in image["rows"]]
        assert reader.objects(sample) == drawn
        assert reader.read(sample)[0].shape == (image["height"], image["width"], 3)


def test_runs_go_down_the_columns_from_one(tmp_path):
    root = write_table(tmp_path, *LINES)
    assert read_first(root, overlap="later_wins")[1].tolist() == [
        [1, 32, 0, 0],
        [32, 1, 0, 0],
        [32, 1, 0, 32],
    ]


def test_the_smaller_object_is_on_top_unless_the_file_decides(tmp_path):
    root = write_table(tmp_path, "a.jpg,1 3,3,4,31", "a.jpg,1 12,3,4,0")
    assert read_first(root)[1].tolist() == [[32, 1, 1, 1]] * 3
    assert read_first(root, overlap="later_wins")[1].tolist() == [[1, 1, 1, 1]] * 3


def test_the_overlap_rule_enters_what_caches_are_told_apart_by(tmp_path):
    rules = ("small_on_top", "later_wins")
    readers = [reader_of("imaterialist", tmp_path, overlap=rule) for rule in rules]
    assert readers[0].treatment != readers[1].treatment


def test_columns_may_come_in_another_order_and_sizes_as_floats(tmp_path):
    header = "ClassId,Width,Height,EncodedPixels,ImageId"
    root = write_table(tmp_path, "45,4.0,3.0,1 12,a.jpg", header=header)
    assert read_first(root)[1].tolist() == [[46] * 4] * 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.jpg,1 2,3", r"train\.csv line 3: 3 values; the line is cut off"),
        ("a.jpg,12 2,3,4,6", r"line 3 \(a\.jpg\): run `12 2` leaves the photo of 4x3 pixels"),
        ("a.jpg,0 2,3,4,6", r"line 3 \(a\.jpg\): run `0 2` leaves the photo"),
        ("a.jpg,1 0,3,4,6", r"line 3 \(a\.jpg\): run `1 0` leaves the photo"),
        ("a.jpg,1 2 3,3,4,6", r"line 3 \(a\.jpg\): 3 numbers; runs are pairs of start and length"),
        (
            "a.jpg,1 2,3,4,46_3",
            r"line 3 \(a\.jpg\): ClassId 46_3: category 46 is out of range; allowed are 0 to 45",
        ),
        ("a.jpg,1 2,3,4,-1", r"category -1 is out of range"),
        ("a.jpg,1 two,3,4,6", r"line 3 \(a\.jpg\): .*two"),
        ("a.jpg,1 2,3,4,shirt", r"line 3 \(a\.jpg\): .*shirt"),
        ("a.jpg,1 2,high,4,6", r"line 3 \(a\.jpg\): .*high"),
        ("a.jpg,1 2,4,3,6", r"train\.csv: a\.jpg has rows of 4x3 and 3x4 pixels"),
    ],
)
def test_a_defect_is_named_with_its_line(tmp_path, line, message):
    root = write_table(tmp_path, LINES[0], line)
    with pytest.raises(DataError, match=message):
        read_first(root)


def test_a_photo_of_another_size_is_named(tmp_path):
    root = write_table(tmp_path, "a.jpg,1 2,4,3,6")
    with pytest.raises(DataError, match=r"labels are 3x4, its photo .*a\.jpg is 4x3"):
        read_first(root)


def test_the_release_of_2020_is_told_apart(tmp_path):
    header = "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds"
    message = r"has no column ClassId; found ImageId, .*The release of 2020 has another form"
    root = write_table(tmp_path, LINES[0], header=header.replace("ClassId", "Class"))
    with pytest.raises(DataError, match=message):
        read_first(root)


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_columns_that_are_not_separated_by_commas_are_told(tmp_path, separator):
    root = write_table(tmp_path, *LINES)
    table = root / "train.csv"
    table.write_text(table.read_text().replace(",", separator))
    with pytest.raises(
        DataError, match=r"train\.csv: its columns .* separated by commas: ImageId,"
    ):
        read_first(root)


def test_a_table_without_a_photo_is_named(tmp_path):
    with pytest.raises(DataError, match=r"train\.csv lists no photo"):
        read_first(write_table(tmp_path))


def test_a_row_without_a_pixel_is_no_object_and_told_and_so_are_rows_that_repeat_another(tmp_path):
    lines = ["a.jpg,,3,4,6", *LINES[:2], LINES[0], "a.jpg,1 2 5 2,3,4,0"]
    reader = reader_of("imaterialist", write_table(tmp_path, *lines))
    (sample,) = reader.samples()
    assert reader.objects(sample) == [(1, 4), (32, 4), (1, 4), (1, 4)]
    assert reader.sample_warnings(sample) == [
        f"{tmp_path / 'train.csv'} line 2 (a.jpg): EncodedPixels is empty; the row is left out",
        f"{tmp_path / 'train.csv'} line 5 (a.jpg): says the same as line 3; both are kept",
    ]


def test_missing_photos_are_an_error_or_left_out_and_told(tmp_path):
    root = write_table(tmp_path, *LINES, "c.jpg,1 2,3,4,6")
    (root / "train" / "c.jpg").rename(root / "train" / "d.jpg")
    with pytest.raises(
        DataError, match=r"1 photos of train\.csv are missing .*: .*c\.jpg: there is"
    ):
        read_first(root)
    reader = reader_of("imaterialist", root, missing="leave_out")
    assert [sample.name for sample in reader.samples()] == ["a", "b"]
    assert reader.warnings() == [
        "1 photos of train.csv are missing: c.jpg",
        "1 photos have no row in train.csv: d.jpg",
    ]


def test_when_all_photos_are_missing_none_is_left_out(tmp_path):
    root = write_table(tmp_path, "c.jpg,1 2,3,4,6")
    (root / "train" / "c.jpg").unlink()
    with pytest.raises(DataError, match=r"1 photos of train\.csv are missing"):
        read_first(root, missing="leave_out")


def test_a_missing_table_says_what_is_expected(tmp_path):
    with pytest.raises(DataError, match=r"expected train\.csv and train/.*found nothing"):
        read_first(tmp_path)


def test_a_line_that_is_cut_off_stops_a_training_and_spoils_one_photo(tmp_path):
    root = write_table(tmp_path / "data", *LINES, "b.jpg,1 2,3,4,45")
    table = root / "train.csv"
    table.write_text(table.read_text().replace("b.jpg,1 12,3,4,45", "b.jpg,1 12,3"))
    reader = reader_of("imaterialist", root)
    message = r"1 entries of train\.csv cannot be used.*: \S+ line 4: 3 values; the line is cut off"
    with pytest.raises(DataError, match=message):
        reader.samples()
    samples, defects = complete_samples(reader)
    assert [sample.name for sample in samples] == ["a"]
    assert {(defect.kind, defect.value) for defect in defects} == {
        ("unreadable annotation", "line 4"),
        ("missing partner", "b"),
    }
