"""CIHP and CCIHP: each defect of an image's maps is reported with its file, kind and value."""

import os
import re
import shutil

import cv2
import numpy as np
import pytest

from clothseg.dataset.reader import examine
from clothseg.error import DataError
from support.shipped_config import reader_of
from support.small_datasets import png

NUMBER = "0000068"


@pytest.fixture
def part(drawn_datasets, tmp_path):
    """A copy of CCIHP's training part that tests may modify."""
    return shutil.copytree(drawn_datasets / "ccihp" / "Training", tmp_path / "Training")


def reader_and_sample(part, name="ccihp"):
    reader = reader_of(name, part.parent)
    (sample,) = [sample for sample in reader.samples() if sample.name == NUMBER]
    return reader, sample


def defects(part, name="ccihp"):
    """Kind, file (relative to the part) and value of all defects of one image."""
    found = examine(*reader_and_sample(part, name)).defects
    return [(d.kind, str(d.file.relative_to(part)), d.value) for d in found]


def set_first_pixel(path, value):
    """Set the first pixel of a map."""
    values = png(path).copy()
    values[0, 0] = value
    cv2.imwrite(str(path), values)


def test_a_value_without_a_name_is_a_defect_of_its_own_file(part):
    set_first_pixel(part / "Size_ids" / f"{NUMBER}.png", 9)
    assert defects(part) == [("label out of range", f"Size_ids/{NUMBER}.png", "9")]


@pytest.mark.parametrize("folder", ["Size_ids", "Human_ids", "Instance_ids"])
def test_a_truncated_map_is_named(part, folder):
    path = part / folder / f"{NUMBER}.png"
    path.write_bytes(path.read_bytes()[:200])
    assert defects(part) == [("unreadable annotation", f"{folder}/{NUMBER}.png", "")]


def test_a_map_with_a_damaged_header_is_named(part):
    path = part / "Size_ids" / f"{NUMBER}.png"
    content = bytearray(path.read_bytes())
    content[8:12] = (5).to_bytes(4, "big")  # length of the header
    path.write_bytes(content)
    assert defects(part) == [("unreadable annotation", f"Size_ids/{NUMBER}.png", "")]


def test_a_malformed_line_is_a_defect_of_the_list(part):
    path = part / "Instance_ids" / f"{NUMBER}.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, "one two"]))
    list_file = f"Instance_ids/{NUMBER}.txt"
    assert defects(part) == [("unreadable annotation", list_file, f"line {len(lines) + 1}")]


def test_all_defects_of_an_image_are_reported(part):
    cv2.imwrite(str(part / "Human_ids" / f"{NUMBER}.png"), np.zeros((30, 40), np.uint8))
    set_first_pixel(part / "Size_ids" / f"{NUMBER}.png", 9)
    set_first_pixel(part / "Color_ids" / f"{NUMBER}.png", 13)
    (part / "Pattern_ids" / f"{NUMBER}.png").write_bytes(b"")
    path = part / "Instance_ids" / f"{NUMBER}.txt"
    first, *others = path.read_text().splitlines()
    path.write_text("\n".join([*others, "239 19 12"]))
    assert defects(part) == [
        ("unreadable annotation", f"Pattern_ids/{NUMBER}.png", ""),
        ("contradictory maps", f"Instance_ids/{NUMBER}.png", "239"),
        ("contradictory maps", f"Instance_ids/{NUMBER}.png", first.split()[0]),
        ("different sizes", f"Human_ids/{NUMBER}.png", "40x30 and 288x172"),
        ("label out of range", f"Size_ids/{NUMBER}.png", "9"),
        ("label out of range", f"Color_ids/{NUMBER}.png", "13"),
    ]


@pytest.mark.parametrize("name", ["cihp", "ccihp"])
def test_a_class_that_differs_from_its_part_is_named(part, name):
    path = part / "Category_ids" / f"{NUMBER}.png"
    category, instance = png(path).copy(), png(part / "Instance_ids" / f"{NUMBER}.png")
    (row, column), *_, last = np.argwhere(instance > 0)
    expected = int(category[row, column])
    category[row, column] = 19
    category[tuple(last)] = 0
    cv2.imwrite(str(path), category)
    assert defects(part, name) == []
    message = (
        rf"Category_ids/{NUMBER}\.png: 2 pixels differ in class .* at row {row}, column "
        rf"{column}, has class 19, but part \d+ has class {expected}"
    )
    reader, sample = reader_and_sample(part, name)
    warning = reader.sample_warnings(sample)[0]
    assert re.search(message, warning)


def test_a_part_may_be_ignored(part):
    path = part / "Category_ids" / f"{NUMBER}.png"
    category = png(path).copy()
    category[png(part / "Instance_ids" / f"{NUMBER}.png") > 0] = 255
    cv2.imwrite(str(path), category)
    assert defects(part) == []
    reader, sample = reader_and_sample(part)
    assert reader.sample_warnings(sample) == []


def test_parts_outside_their_person_are_reported(part):
    path = part / "Human_ids" / f"{NUMBER}.png"
    person, instance = png(path).copy(), png(part / "Instance_ids" / f"{NUMBER}.png")
    area = np.count_nonzero((instance > 0) & (instance < 20))
    person[person == 1] = 2
    cv2.imwrite(str(path), person)
    reader, sample = reader_and_sample(part)
    assert reader.sample_warnings(sample) == [
        f"{path}: {area} pixels of the parts of person 1 lie outside that person"
    ]


def test_files_saved_by_windows_editors_are_read(part):
    reader, sample = reader_and_sample(part)
    before, parts = [s.name for s in reader.samples()], reader.objects(sample)
    for path in (part / "train_id.txt", part / "Instance_ids" / f"{NUMBER}.txt"):
        text = path.read_text().rstrip().replace("\n", "\r\n")
        path.write_bytes(f"\N{BYTE ORDER MARK}{text}\r\n\r\n \r\n".encode())
    assert [s.name for s in reader.samples()] == before
    assert reader.objects(sample) == parts


def test_macos_metadata_files_are_skipped(part):
    reader, _ = reader_and_sample(part)
    before = [s.name for s in reader.samples()]
    for folder in [part, *(path for path in part.iterdir() if path.is_dir())]:
        for name in (".DS_Store", "._0000068.jpg", "._0000068.png"):
            (folder / name).write_bytes(b"Mac OS X")
    assert [s.name for s in reader.samples()] == before
    assert defects(part) == []


def test_an_image_listed_twice_is_named_with_its_list(part):
    with (part / "train_id.txt").open("a") as file:
        file.write(f"{NUMBER}\n")
    with pytest.raises(DataError, match=rf"Training/train_id\.txt: listed more .*: {NUMBER}; keep"):
        reader_of("cihp", part.parent).samples()


def test_empty_lists_are_named(part):
    shutil.copytree(part, part.parent / "Validation").joinpath("val_id.txt").write_text("\n")
    (part / "train_id.txt").write_text("")
    message = (
        r"train_id\.txt lists no images and \S+/Validation/val_id\.txt lists no images; expected"
    )
    with pytest.raises(DataError, match=message):
        reader_of("cihp", part.parent).samples()


def test_a_list_of_the_size_of_an_archive_is_not_read(part):
    os.truncate(part / "train_id.txt", 1 << 29)
    with pytest.raises(
        DataError, match=r"train_id\.txt: has 536,870,912 bytes; files of this kind"
    ):
        reader_of("cihp", part.parent).samples()


@pytest.mark.parametrize("line", ["9" * 4000 + " 1 1", "1 1 " + "9" * 4000, "x" * 5000])
def test_a_long_line_is_shown_in_part(line, part):
    (part / "Instance_ids" / f"{NUMBER}.txt").write_text(line)
    (defect,) = examine(*reader_and_sample(part)).defects
    assert len(defect.message) < len(str(part)) + 800
    assert len(defect.value) <= 200
