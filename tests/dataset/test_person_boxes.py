"""Person boxes: around labels, or chosen from a detector's output and stored in a file."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clothseg.dataset import ccp
from clothseg.dataset.person_boxes import DetectedBoxes, MaskBoxes, largest_person
from support.shipped_config import CCP_NAMES
from support.stub_detector import BICYCLE, PERSON, StubDetector, seen


@pytest.fixture
def reader(small_ccp):
    return ccp(root=str(small_ccp), names=CCP_NAMES)


def test_a_mask_box_bounds_the_outermost_labels(reader):
    boxes, sample = MaskBoxes(reader), reader.samples()[0]
    mask = np.zeros((9, 7), np.uint8)
    mask[2, 3], mask[6, 5] = 4, 58
    mask[8, 6] = 255
    assert boxes.find(sample, mask) == (3, 2, 6, 7)
    assert boxes.find(sample, np.where(mask == 255, 255, 0).astype(np.uint8)) is None


def test_all_masks_are_read(reader):
    found = MaskBoxes(reader).find_all()
    assert list(found) == ["0001", "0002", "0003"]
    sample = reader.samples()[1]
    assert found["0002"] == MaskBoxes(reader).find(sample, reader.read_mask(sample))


@pytest.mark.parametrize(
    ("objects", "box"),
    [
        ([((2.4, 3.6, 8.2, 9.9), PERSON, 0.5)], (2, 3, 9, 10)),
        ([((0, 0, 5, 5), PERSON, 0.9), ((2, 2, 9, 9), PERSON, 0.6)], (2, 2, 9, 9)),
        ([((0, 0, 5, 5), PERSON, 0.9), ((0, 0, 20, 20), PERSON, 0.49)], (0, 0, 5, 5)),
        ([((0, 0, 5, 5), PERSON, 0.9), ((0, 0, 20, 20), BICYCLE, 0.99)], (0, 0, 5, 5)),
        ([((-3, -2, 99, 99), PERSON, 1.0)], (0, 0, 30, 20)),
        ([((0, 0, 20, 20), BICYCLE, 0.99)], None),
        ([], None),
    ],
)
def test_the_largest_confident_person_is_chosen(objects, box):
    assert largest_person(seen(*objects), 20, 30) == box


@given(
    corners=st.lists(st.floats(-50, 80), min_size=4, max_size=4),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
)
def test_a_box_is_never_empty_and_stays_inside_the_image(corners, height, width):
    left, top, right, bottom = largest_person(seen((corners, PERSON, 1.0)), height, width)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


def test_detection_runs_once_for_all_experiments(reader, tmp_path, capsys):
    detector = StubDetector(((3, 4, 20, 30), PERSON, 0.9))
    boxes = DetectedBoxes(reader, detector, tmp_path)
    boxes.require()
    assert detector.required == 1
    sample = reader.samples()[2]
    assert boxes.find(sample, np.zeros((40, 30), np.uint8)) == (3, 4, 20, 30)
    assert detector.photos == 3
    assert "no person found in 0 of 3 images" in capsys.readouterr().out
    again = DetectedBoxes(reader, detector, tmp_path)
    again.require()
    assert again.find_all() == dict.fromkeys(("0001", "0002", "0003"), (3, 4, 20, 30))
    assert (detector.photos, detector.required) == (3, 1)
    assert capsys.readouterr().out == ""
    (path,) = tmp_path.glob("*.json")
    assert json.loads(path.read_text())["0003"] == [3, 4, 20, 30]


def test_images_without_a_person_are_counted(reader, tmp_path, capsys):
    boxes = DetectedBoxes(reader, StubDetector(), tmp_path)
    assert set(boxes.find_all().values()) == {None}
    assert "no person found in 3 of 3 images; these are not cropped" in capsys.readouterr().out


def test_an_interrupted_pass_resumes(reader, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        DetectedBoxes(reader, StubDetector(fails_after=2), tmp_path).find_all()
    detector = StubDetector()
    assert len(DetectedBoxes(reader, detector, tmp_path).find_all()) == 3
    assert detector.photos == 1


@pytest.mark.parametrize("change", ["weights", "image"])
def test_changed_weights_or_images_invalidate_the_boxes(reader, tmp_path, change):
    DetectedBoxes(reader, StubDetector(), tmp_path).find_all()
    detector = StubDetector()
    if change == "weights":
        detector.digest = "other"
    else:
        image = reader.samples()[0].image
        image.write_bytes(image.read_bytes() + b"\0")
    DetectedBoxes(reader, detector, tmp_path).find_all()
    assert detector.photos == 3


def test_a_damaged_file_of_boxes_is_rebuilt(reader, tmp_path):
    detector = StubDetector(((5, 10, 15, 30), PERSON, 0.9))
    boxes = DetectedBoxes(reader, detector, tmp_path).find_all()
    (stored,) = tmp_path.glob("*.json")
    stored.write_text(stored.read_text()[:20])
    assert DetectedBoxes(reader, detector, tmp_path).find_all() == boxes
