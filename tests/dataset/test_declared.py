"""Sizes, coordinates and names that an annotation declares, before native code sees them."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from clothseg.dataset.defect import Defect, MissingPartnersError
from clothseg.dataset.listing import complete_samples, listed_path
from clothseg.dataset.reader import examine
from clothseg.error import DataError
from support.shipped_config import reader_of

MODANET = "annotations/modanet2018_instances_train.json"
HEADER = "ImageId,EncodedPixels,Height,Width,ClassId\n"
OUTSIDE = ["../secret.jpg", "/etc/passwd", "a/../../b.jpg", "..\\b.jpg", "a\0b.jpg", "", " "]


def write_image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((6, 8, 3), np.uint8))


def modanet(root, polygon=(0, 0, 4, 0, 4, 4), size=(8, 6), names=("7.jpg",), ids=(7,)):
    """Write images of six rows and eight columns; the last one has a garment."""
    entries = [
        {"id": number, "width": size[0], "height": size[1], "file_name": name}
        for number, name in zip(ids, names, strict=True)
    ]
    garment = {"id": 1, "image_id": ids[-1], "category_id": 4, "segmentation": [list(polygon)]}
    (root / "annotations").mkdir(parents=True)
    (root / MODANET).write_text(json.dumps({"images": entries, "annotations": [garment]}))
    for number in (7, 8):
        write_image(root / "images" / f"{number}.jpg")
    return reader_of("modanet", root)


def imaterialist(root, *rows):
    (root / "train").mkdir(parents=True)
    (root / "train.csv").write_text(HEADER + "\n".join(rows) + "\n")
    write_image(root / "train" / "a.jpg")
    return reader_of("imaterialist", root)


def only_defect(reader):
    (sample,), _ = complete_samples(reader)
    return examine(reader, sample).defects[0]


@pytest.mark.parametrize(
    ("polygon", "problem"),
    [
        ([0, 0, 1e8, 0, 1e8, 1e8], "annotation 1: corner x=1e+08, y=0 is far outside the image"),
        ([1e8, 1e8, 1e8 + 1, 1e8, 1e8, 1e8 + 1], "corner x=1e+08, y=1e+08 is far outside"),
        ([0, 0, -1e300, 0, 1, 1], "corner x=-1e+300"),
        ([0, 0, 60_000, 60_000] * 20, "outline has 2400000 pixels; allowed are 1048576"),
    ],
)
def test_a_polygon_that_the_library_cannot_fill_is_a_defect(polygon, problem, tmp_path):
    defect = only_defect(modanet(tmp_path, polygon))
    assert defect.kind == "unreadable annotation"
    assert problem in str(defect)


@pytest.mark.parametrize("size", [(1 << 20, 1 << 20), (1 << 40, 1), (1 << 100, 1 << 100)])
def test_an_impossible_size_is_a_defect(size, tmp_path):
    expected = rf"declares {size[0]}x{size[1]} pixels"
    assert expected in str(only_defect(modanet(tmp_path / "m", size=size)))
    row = f"a.jpg,1 3,{size[1]},{size[0]},3"
    assert expected in str(only_defect(imaterialist(tmp_path / "i", row)))


def test_a_possible_size_is_compared_with_the_image(tmp_path):
    for number, reader in enumerate(
        [
            modanet(tmp_path / "m", size=(9_000, 9_000)),
            imaterialist(tmp_path / "i", "a.jpg,1 3,9000,9000,3"),
        ]
    ):
        defect = only_defect(reader)
        assert (number, defect.kind) == (number, "different sizes")
        assert "labels are 9000x9000, but its image" in str(defect)


@pytest.mark.parametrize(
    "row",
    [
        "a.jpg,1 3,inf,8,3",
        "a.jpg,1 3,nan,8,3",
        "a.jpg,1 3,1e400,8,3",
        "a.jpg,1 99999999999999999999,6,8,3",
        "a.jpg,1 9223372036854775807,6,8,3",
        f"a.jpg,{'1 48 ' * 5},6,8,3",
        "a.jpg,1 3,0,8,3",
        "a.jpg,1 3,6,-8,3",
    ],
)
def test_a_row_with_impossible_numbers_is_a_defect(row, tmp_path):
    defect = only_defect(imaterialist(tmp_path, row))
    assert "train.csv line 2 (a.jpg)" in str(defect)
    assert "cannot be decoded" not in str(defect)


@pytest.mark.parametrize("size", [(1 << 20, 1 << 20), (11_000, 11_000)])
def test_memory_does_not_follow_a_declared_size(size, tmp_path):
    modanet(tmp_path, size=size)
    code = (
        "import sys, resource\n"
        "from support.shipped_config import reader_of\n"
        "from clothseg.dataset.reader import examine\n"
        "import pycocotools.mask\n"
        "reader = reader_of('modanet', sys.argv[1])\n"
        "(sample,) = reader.samples()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert examine(reader, sample).defects\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    kilobytes = int(result.stdout.split()[-1])
    assert kilobytes < 60_000


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_outside_the_folder_is_never_a_path(name, tmp_path):
    with pytest.raises(Defect, match=r"file name .* is not allowed: it must be relative to"):
        listed_path(tmp_path / "images", name, tmp_path / "list.txt")


def test_names_below_the_folder_are_paths(tmp_path):
    for name in ("a.jpg", "b/a..b.jpg", "...jpg"):
        assert listed_path(tmp_path, name, tmp_path / "list.txt") == tmp_path / name


@pytest.mark.parametrize("name", OUTSIDE)
def test_modanet_reads_no_image_outside_its_folder(name, tmp_path):
    reader = modanet(tmp_path / "m", names=(name, "8.jpg"), ids=(7, 8))
    with pytest.raises(MissingPartnersError) as raised:
        reader.samples()
    assert [sample.name for sample in raised.value.complete] == ["0000008"]
    assert "is not allowed" in str(raised.value)


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", ""])
def test_imaterialist_reads_no_image_outside_its_folder(name, tmp_path):
    reader = imaterialist(tmp_path, f"{name},1 3,6,8,3", "a.jpg,1 3,6,8,3")
    samples, defects = complete_samples(reader)
    assert [sample.name for sample in samples] == ["a"]
    assert "is not allowed" in str(defects[0])


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd"])
def test_cihp_reads_no_image_outside_its_folder(name, tmp_path):
    (tmp_path / "Training" / "Images").mkdir(parents=True)
    (tmp_path / "Training" / "train_id.txt").write_text(f"{name}\n")
    with pytest.raises(DataError, match=r"train_id\.txt: file name .* is not allowed"):
        reader_of("cihp", tmp_path).samples()


def test_two_images_with_one_id_are_a_defect(tmp_path):
    reader = modanet(tmp_path, names=("7.jpg", "8.jpg", "8.jpg"), ids=(7, 7, 8))
    samples, defects = complete_samples(reader)
    assert [sample.name for sample in samples] == ["0000008"]
    assert [str(defect) for defect in defects] == [f"{tmp_path / MODANET}: 2 images have the id 7"]


def test_two_images_with_one_name_are_a_defect(tmp_path):
    reader = imaterialist(tmp_path, "a.jpg,1 3,6,8,3", "b/a.jpg,1 3,6,8,3", "c.jpg,1 3,6,8,3")
    write_image(tmp_path / "train" / "c.jpg")
    samples, defects = complete_samples(reader)
    assert [sample.name for sample in samples] == ["c"]
    assert "a is the name of 2 images in train.csv" in str(defects[0])
