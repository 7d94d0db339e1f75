"""ModaNet: polygons filled by COCO's rule, and an error message for each annotation defect."""

import json
import re

import cv2
import numpy as np
import pytest

from clothseg.dataset import Sample
from clothseg.dataset.listing import complete_samples
from clothseg.error import DataError
from support.shipped_config import reader_of
from support.small_datasets import png

FILE = "annotations/modanet2018_instances_train.json"
MAX_DIFFERENCE = 0.0008
"""Maximum fraction of the foreground that may differ for non-rectilinear polygons: on their edges,
COCO's rule and that of the rendered ground truth may disagree."""


@pytest.fixture
def fixture(drawn_datasets):
    return drawn_datasets / "modanet"


def square(left, top, size):
    right, bottom = left + size, top + size
    return [left, top, right, top, right, bottom, left, bottom]


def garment(number, image, category, *polygons):
    return {"id": number, "image_id": image, "category_id": category, "segmentation": [*polygons]}


GARMENTS = [
    garment(1, 70, 4, square(0, 0, 2), square(4, 4, 2)),
    garment(2, 70, 13, square(1, 1, 4)),
    garment(3, 70, 9),
]


def write_modanet(root, garments=GARMENTS, images=(70, 5)):
    """Write images of six rows and eight columns."""
    (root / "annotations").mkdir(parents=True)
    (root / "images").mkdir()
    entries = [{"id": n, "width": 8, "height": 6, "file_name": f"{n:07}.jpg"} for n in (70, 5)]
    (root / FILE).write_text(json.dumps({"images": entries, "annotations": garments}))
    for number in images:
        cv2.imwrite(str(root / "images" / f"{number:07}.jpg"), np.zeros((6, 8, 3), np.uint8))
    return root


def read_all(root, **changes):
    reader = reader_of("modanet", root, **changes)
    return {sample.name: reader.read(sample)[1] for sample in reader.samples()}


@pytest.mark.parametrize("overlap", ["later_wins", "small_on_top"])
def test_maps_equal_the_ground_truth(fixture, overlap):
    expected = json.loads((fixture / "expected" / "expected.json").read_text())
    reader = reader_of("modanet", fixture, overlap=overlap)
    exact = 0
    for image in expected["images"]:  # includes the missing image
        path = fixture / "images" / image["file_name"]
        mask = reader.read_mask(Sample(path.stem, path, fixture / FILE))
        ground_truth = png(fixture / "expected" / overlap / f"{path.stem}.png")
        different = np.count_nonzero(mask != ground_truth)
        assert different <= (
            0 if image["rectilinear"] else MAX_DIFFERENCE * np.count_nonzero(ground_truth)
        )
        exact += image["rectilinear"]
    assert exact == 5


def test_images_are_sorted_by_id_and_anomalies_are_reported(fixture):
    expected = json.loads((fixture / "expected" / "expected.json").read_text())
    reader = reader_of("modanet", fixture)
    existing = [i["image_id"] for i in expected["images"] if i["image_file_present"]]
    assert [int(sample.name) for sample in reader.samples()] == sorted(existing)
    assert reader.warnings() == [
        "1 images of the annotations are missing: 0204326",
        "1 images have no annotation and are all background: 0155487",
        "1 annotations have no polygon and are skipped: 220",
        "1 annotations repeat the polygons of an earlier one; both are used: 253",
    ]
    for sample in reader.samples():
        image, mask = reader.read(sample)
        assert image.shape == (*mask.shape, 3)  # the gray image included


def test_object_areas_are_counted_rather_than_read(fixture):
    expected = json.loads((fixture / "expected" / "expected.json").read_text())
    reader = reader_of("modanet", fixture)
    images = {image["image_id"]: image for image in expected["images"]}
    for sample in reader.samples():
        image = images[int(sample.name)]
        objects = [(a["category_id"], a["pixels"]) for a in image["annotations"] if a["parts"]]
        found = reader.objects(sample)
        assert [source for source, _ in found] == [source for source, _ in objects]
        if image["rectilinear"]:
            assert found == objects


def test_parts_are_merged_and_the_smaller_garment_is_on_top(tmp_path):
    root = write_modanet(tmp_path / "modanet")
    masks = read_all(root)
    assert list(masks) == ["0000005", "0000070"]
    assert not masks["0000005"].any()
    assert masks["0000070"].tolist() == [
        [4, 4, 0, 0, 0, 0, 0, 0],
        [4, 4, 13, 13, 13, 0, 0, 0],
        [0, 13, 13, 13, 13, 0, 0, 0],
        [0, 13, 13, 13, 13, 0, 0, 0],
        [0, 13, 13, 13, 4, 4, 0, 0],
        [0, 0, 0, 0, 4, 4, 0, 0],
    ]
    assert read_all(root, overlap="later_wins")["0000070"][1].tolist() == [
        4,
        13,
        13,
        13,
        13,
        0,
        0,
        0,
    ]


def test_a_polygon_without_interior_is_skipped(tmp_path):
    root = write_modanet(tmp_path / "modanet", [garment(8, 70, 4, [0, 0, 5, 5])])
    reader = reader_of("modanet", root)
    assert not read_all(root)["0000070"].any()
    assert "1 annotations have no polygon and are skipped: 8" in reader.warnings()


def test_a_garment_outside_the_image_is_not_an_object(tmp_path):
    garments = [garment(8, 70, 4, square(20, 20, 2)), garment(9, 70, 1, square(0, 0, 2))]
    reader = reader_of("modanet", write_modanet(tmp_path / "modanet", garments))
    assert reader.objects(reader.samples()[1]) == [(1, 4)]


def test_repeated_annotations_are_reported(tmp_path):
    polygons = [square(0, 0, 2), square(4, 4, 2)]
    garments = [
        garment(8, 70, 4, *polygons),
        garment(9, 70, 4, *polygons),
        garment(10, 70, 3, *polygons),
        garment(11, 5, 4, *polygons),
        garment(12, 5, 4, square(0, 0, 2)),
    ]
    reader = reader_of("modanet", write_modanet(tmp_path / "modanet", garments))
    assert reader.warnings() == [
        "2 annotations repeat the polygons of an earlier one; both are used: 9, 10"
    ]


@pytest.mark.parametrize(
    ("garments", "message"),
    [
        (
            [garment(8, 70, 14, square(0, 0, 2))],
            r"annotation 8: category_id 14 is out of range; allowed are 1 to 13",
        ),
        ([garment(8, 70, 0, square(0, 0, 2))], r"annotation 8: category_id 0 is out of range"),
        (
            [garment(8, 71, 1, square(0, 0, 2))],
            r"annotation 8 belongs to image 71, which is not in the file",
        ),
    ],
)
def test_the_error_describes_the_defect(tmp_path, garments, message):
    with pytest.raises(DataError, match=message):
        read_all(write_modanet(tmp_path / "modanet", garments))


def test_a_missing_image_file_does_not_hide_an_annotation_without_image(tmp_path):
    root = write_modanet(tmp_path / "modanet", [garment(8, 71, 1, square(0, 0, 2))], images=[5])
    reader = reader_of("modanet", root, missing="error")
    samples, defects = complete_samples(reader)
    assert [sample.name for sample in samples] == ["0000005"]
    assert [defect.value for defect in defects] == ["71", "0000070"]


def test_an_image_of_different_size_is_named(tmp_path):
    root = write_modanet(tmp_path / "modanet")
    cv2.imwrite(str(root / "images" / "0000070.jpg"), np.zeros((8, 6, 3), np.uint8))
    with pytest.raises(DataError, match=r"labels are 8x6, but its image .*0000070\.jpg is 6x8"):
        read_all(root)


def test_missing_images_are_skipped_and_reported_or_an_error(tmp_path):
    root = write_modanet(tmp_path / "modanet", images=[5])
    reader = reader_of("modanet", root)
    assert [sample.name for sample in reader.samples()] == ["0000005"]
    assert "1 images of the annotations are missing: 0000070" in reader.warnings()
    with pytest.raises(DataError, match=r"1 images of annotations/\S+ are missing: .*0000070\.jpg"):
        read_all(root, missing="error")


def test_a_git_lfs_pointer_is_rejected(tmp_path):
    root = write_modanet(tmp_path / "modanet")
    (root / FILE).write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 105924292\n"
    )
    with pytest.raises(DataError, match=r"is a Git LFS pointer, .* \(\d+ bytes\): run `git lfs"):
        read_all(root)


@pytest.mark.parametrize(
    ("key", "value", "location"),
    [
        ("width", 0, "images.0.width"),
        ("width", "wide", "images.0.width"),
        ("id", "abc", "images.0.id"),
        ("file_name", None, "images.0.file_name"),
        ("image_id", "abc", "annotations.0.image_id"),
        ("image_id", None, "annotations.0.image_id"),
    ],
)
def test_an_invalid_entry_is_named(tmp_path, key, value, location):
    root = write_modanet(tmp_path / "modanet")
    content = json.loads((root / FILE).read_text())
    content[location.split(".")[0]][0][key] = value
    (root / FILE).write_text(json.dumps(content))
    with pytest.raises(DataError, match=rf"not a COCO file: {re.escape(location)}"):
        read_all(root)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"segmentation": {"counts": [0, 48], "size": [6, 8]}, "iscrowd": 1}, "segmentation: "),
        ({"segmentation": None}, "segmentation: "),
        ({"segmentation": [[float("nan")] * 6]}, r"segmentation\.0\.0: .* finite number"),
        (
            {"segmentation": [square(0, 0, 2), [0, 0, 5, 0, 5, 5, 0]]},
            r"segmentation\.1: odd number of values",
        ),
        ({"category_id": 3.5}, "category_id: "),
        ({"category_id": None}, "category_id: "),
    ],
)
def test_an_invalid_annotation_invalidates_only_its_image(tmp_path, changes, problem):
    invalid = garment(8, 70, 4, square(0, 0, 2)) | changes
    garments = [garment(7, 5, 4, square(0, 0, 2)), garment(6, 70, 1, square(0, 0, 2)), invalid]
    reader = reader_of("modanet", write_modanet(tmp_path / "modanet", garments))
    first, second = reader.samples()
    assert reader.objects(first) == [(4, 4)]
    (defect,) = reader.inspect(second).defects
    assert (defect.kind, defect.value) == ("unreadable annotation", "8")
    with pytest.raises(DataError, match=f"annotation 8 is invalid: {problem}.*; expected id"):
        reader.read(second)
    assert reader.warnings() == []


def test_annotations_without_category_or_id_are_named(tmp_path):
    garments = [garment(8, 70, 4, square(0, 0, 2)), garment(9, 5, 4, square(0, 0, 2))]
    del garments[0]["id"], garments[1]["category_id"]
    root = write_modanet(tmp_path / "modanet", garments)
    messages = [
        r"annotation 9 is invalid: category_id: Field required",
        r"annotation in place 0 is invalid: id: Field required",
    ]
    reader = reader_of("modanet", root)
    for sample, message in zip(reader.samples(), messages, strict=True):
        with pytest.raises(DataError, match=message):
            reader.read(sample)


def test_an_invalid_annotation_may_lack_its_image_as_well(tmp_path):
    garments = [garment(8, 71, 4, square(0, 0, 2)), garment(9, 71, 4, [0, 0, 1])]
    with pytest.raises(DataError, match="annotation 8, 9 belongs to image 71"):
        read_all(write_modanet(tmp_path / "modanet", garments))


def test_a_byte_order_mark_is_skipped(tmp_path):
    root = write_modanet(tmp_path / "modanet")
    before = read_all(root)["0000070"]
    (root / FILE).write_text("\N{BYTE ORDER MARK}" + (root / FILE).read_text())
    assert np.array_equal(read_all(root)["0000070"], before)


def test_a_file_without_images_is_named(tmp_path):
    root = write_modanet(tmp_path / "modanet")
    (root / FILE).write_text('{"images": [], "annotations": []}')
    with pytest.raises(DataError, match=r"instances_train\.json lists no images"):
        read_all(root)


@pytest.mark.parametrize("content", ["{", "[]", '{"images": []}'])
def test_a_file_that_is_not_coco_is_named(tmp_path, content):
    root = write_modanet(tmp_path / "modanet")
    (root / FILE).write_text(content)
    with pytest.raises(DataError, match=r"instances_train\.json: not a COCO file"):
        read_all(root)


def test_a_missing_file_reports_the_expected_layout(tmp_path):
    with pytest.raises(DataError, match=r"expected annotations/modanet2018\S+ and images/"):
        read_all(tmp_path)
