"""iMaterialist: ground-truth maps under both overlap rules, and defects with their line number."""

import json
import sys
import tracemalloc

import cv2
import numpy as np
import pytest

from clothseg.dataset import Sample
from clothseg.dataset.imaterialist import IMaterialist
from clothseg.dataset.listing import complete_samples
from clothseg.error import DataError
from support.shipped_config import reader_of
from support.small_datasets import png

HEADER = "ImageId,EncodedPixels,Height,Width,ClassId"
LINES = ["a.jpg,1 2 5 2,3,4,0_5_7", "a.jpg,2 3 12 1,3,4,31", "b.jpg,1 12,3,4,45"]
"""Images of three rows and four columns; runs are column-major and 1-based."""


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
def test_maps_equal_the_ground_truth(fixture, overlap):
    reader = reader_of("imaterialist", fixture, overlap=overlap, missing="leave_out")
    expected = sorted((fixture / "expected" / overlap).iterdir())
    assert len(expected) == 11
    for path in expected:  # includes the missing image
        sample = Sample(path.stem, fixture / "train" / f"{path.stem}.jpg", fixture / "train.csv")
        assert np.array_equal(reader.read_mask(sample), png(path))


def test_rows_equal_the_ground_truth(fixture):
    expected = json.loads((fixture / "expected" / "expected.json").read_text())
    reader = reader_of("imaterialist", fixture, missing="leave_out")
    images = [image for image in expected["images"] if image["image_file_present"]]
    samples = reader.samples()
    assert [sample.image.name for sample in samples] == [image["image_id"] for image in images]
    for sample, image in zip(samples, images, strict=True):
        rows = reader.rows(sample)
        assert [list(row.attributes) for row in rows] == [r["attributes"] for r in image["rows"]]
        objects = [(row["raw_category"] + 1, row["area"]) for row in image["rows"]]
        assert reader.objects(sample) == objects
        assert reader.read(sample)[0].shape == (image["height"], image["width"], 3)


def test_runs_are_column_major_and_one_based(tmp_path):
    root = write_table(tmp_path, *LINES)
    assert read_first(root, overlap="later_wins")[1].tolist() == [
        [1, 32, 0, 0],
        [32, 1, 0, 0],
        [32, 1, 0, 32],
    ]


def test_the_overlap_rule_decides_which_object_is_on_top(tmp_path):
    root = write_table(tmp_path, "a.jpg,1 3,3,4,31", "a.jpg,1 12,3,4,0")
    assert read_first(root)[1].tolist() == [[32, 1, 1, 1]] * 3
    assert read_first(root, overlap="later_wins")[1].tolist() == [[1, 1, 1, 1]] * 3


def test_the_overlap_rule_enters_the_treatment(tmp_path):
    rules = ("small_on_top", "later_wins")
    readers = [reader_of("imaterialist", tmp_path, overlap=rule) for rule in rules]
    assert readers[0].treatment != readers[1].treatment


def test_columns_may_be_reordered_and_sizes_may_be_floats(tmp_path):
    header = "ClassId,Width,Height,EncodedPixels,ImageId"
    root = write_table(tmp_path, "45,4.0,3.0,1 12,a.jpg", header=header)
    assert read_first(root)[1].tolist() == [[46] * 4] * 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.jpg,1 2,3", r"train\.csv line 3: only 3 values; the line is truncated"),
        ("a.jpg,12 2,3,4,6", r"line 3 \(a\.jpg\): run `12 2` exceeds the image of 4x3 pixels"),
        ("a.jpg,0 2,3,4,6", r"line 3 \(a\.jpg\): run `0 2` exceeds the image"),
        ("a.jpg,1 0,3,4,6", r"line 3 \(a\.jpg\): run `1 0` exceeds the image"),
        ("a.jpg,1 2 3,3,4,6", r"line 3 \(a\.jpg\): 3 values; runs are pairs of start and length"),
        (
            "a.jpg,1 2,3,4,46_3",
            r"line 3 \(a\.jpg\): ClassId 46_3: category 46 is out of range; allowed are 0 to 45",
        ),
        ("a.jpg,1 2,3,4,-1", r"category -1 is out of range"),
        ("a.jpg,1 two,3,4,6", r"line 3 \(a\.jpg\): .*two"),
        ("a.jpg,1 2,3,4,shirt", r"line 3 \(a\.jpg\): .*shirt"),
        ("a.jpg,1 2,high,4,6", r"line 3 \(a\.jpg\): Height is `high`; expected a number"),
        ("a.jpg,1 2,3," + "9" * 5000 + ",6", r"Width is `9+ … 9+`; expected a number of pixels$"),
        ("a.jpg,1 2,3,4," + "9" * 5000, r"ClassId is `9+ … 9+`; expected integers joined"),
        ("a.jpg," + "x" * 5000 + ",3,4,6", r"EncodedPixels is `x+ … x+`; expected pairs"),
        ("x" * 5000 + ",1 2,3,4,6", r"name 'x+ … x+' is not allowed: it has 5000 bytes; file"),
        ("a.jpg,1 2,4,3,6", r"train\.csv: a\.jpg has rows of 4x3 and 3x4 pixels"),
    ],
)
def test_the_error_names_the_line(tmp_path, line, message):
    root = write_table(tmp_path, LINES[0], line)
    with pytest.raises(DataError, match=message):
        read_first(root)


def test_an_image_of_different_size_is_named(tmp_path):
    root = write_table(tmp_path, "a.jpg,1 2,4,3,6")
    with pytest.raises(DataError, match=r"labels are 3x4, but its image .*a\.jpg is 4x3"):
        read_first(root)


def test_the_2020_release_is_rejected(tmp_path):
    header = "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds"
    message = r"has no column ClassId; found ImageId, .*The 2020 release has a different format"
    root = write_table(tmp_path, LINES[0], header=header.replace("ClassId", "Class"))
    with pytest.raises(DataError, match=message):
        read_first(root)


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_other_column_separators_are_reported(tmp_path, separator):
    root = write_table(tmp_path, *LINES)
    table = root / "train.csv"
    table.write_text(table.read_text().replace(",", separator))
    with pytest.raises(DataError, match=r"train\.csv: columns .* separated by commas: ImageId,"):
        read_first(root)


def test_an_empty_table_is_named(tmp_path):
    with pytest.raises(DataError, match=r"train\.csv lists no images"):
        read_first(write_table(tmp_path))


def test_empty_rows_are_skipped_and_reported_and_repeated_rows_are_reported(tmp_path):
    lines = ["a.jpg,,3,4,6", *LINES[:2], LINES[0], "a.jpg,1 2 5 2,3,4,0"]
    reader = reader_of("imaterialist", write_table(tmp_path, *lines))
    (sample,) = reader.samples()
    assert reader.objects(sample) == [(1, 4), (32, 4), (1, 4), (1, 4)]
    assert reader.sample_warnings(sample) == [
        f"{tmp_path / 'train.csv'} line 2 (a.jpg): EncodedPixels is empty; the row is skipped",
        f"{tmp_path / 'train.csv'} line 5 (a.jpg): repeats line 3; both are used",
    ]


def test_missing_images_are_an_error_or_skipped_and_reported(tmp_path):
    root = write_table(tmp_path, *LINES, "c.jpg,1 2,3,4,6")
    (root / "train" / "c.jpg").rename(root / "train" / "d.jpg")
    with pytest.raises(
        DataError, match=r"1 images of train\.csv are missing .*: .*c\.jpg: no such image"
    ):
        read_first(root)
    reader = reader_of("imaterialist", root, missing="leave_out")
    assert [sample.name for sample in reader.samples()] == ["a", "b"]
    assert reader.warnings() == [
        "1 images of train.csv are missing: c.jpg",
        "1 images have no row in train.csv: d.jpg",
    ]


def test_if_all_images_are_missing_none_is_skipped(tmp_path):
    root = write_table(tmp_path, "c.jpg,1 2,3,4,6")
    (root / "train" / "c.jpg").unlink()
    with pytest.raises(DataError, match=r"1 images of train\.csv are missing"):
        read_first(root, missing="leave_out")


def test_a_missing_table_reports_the_expected_layout(tmp_path):
    with pytest.raises(DataError, match=r"expected train\.csv and train/.*found nothing"):
        read_first(tmp_path)


def test_a_truncated_line_is_an_error_and_invalidates_one_image(tmp_path):
    root = write_table(tmp_path / "data", *LINES, "b.jpg,1 2,3,4,45")
    table = root / "train.csv"
    table.write_text(table.read_text().replace("b.jpg,1 12,3,4,45", "b.jpg,1 12,3"))
    reader = reader_of("imaterialist", root)
    message = (
        r"1 entries of train\.csv are unusable.*: \S+ line 4: only 3 values; the line is truncated"
    )
    with pytest.raises(DataError, match=message):
        reader.samples()
    samples, defects = complete_samples(reader)
    assert [sample.name for sample in samples] == ["a"]
    assert {(defect.kind, defect.value) for defect in defects} == {
        ("unreadable annotation", "line 4"),
        ("missing partner", "b"),
    }


def test_of_a_malformed_line_only_the_name_is_kept(tmp_path):
    """Lines of zeros of a sparse file have 16 MiB each."""
    lines = [*LINES, *["\0" * 200_000] * 50, "b.jpg," + "1 " * 100_000]
    root = write_table(tmp_path, *LINES)
    (root / "train.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    reader = reader_of("imaterialist", root)
    tracemalloc.start()
    try:
        samples, defects = complete_samples(reader)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [sample.name for sample in samples] == ["a"]
    assert len(defects) == 52
    assert kept < 200_000
    assert peak < 4_000_000


@pytest.mark.parametrize(
    ("limit", "problem"),
    [
        ("MAX_BROKEN", r"than 3 lines are malformed; .* first one: .* line 5: only 1 values"),
        ("MAX_ROWS", r"train\.csv: has more than 3 lines$"),
    ],
)
def test_memory_does_not_follow_the_number_of_lines(limit, problem, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[IMaterialist.__module__], limit, 3)
    root = write_table(tmp_path, *LINES, *"wxyz")
    with pytest.raises(DataError, match=problem):
        reader_of("imaterialist", root).samples()
