"""The person detector by segmentation: geometry of its boxes, real photos, and other files."""

from types import SimpleNamespace

import numpy as np
import pytest

from clothseg.dataset import ccp
from clothseg.dataset.image import read_image
from clothseg.dataset.person_boxes import MaskBoxes, largest_person
from clothseg.dataset.person_detector import PersonDetector, open_detector
from clothseg.dataset.person_segmenter import SIZE, PersonSegmenter
from clothseg.error import ConfigError
from clothseg.weights.wheel import SELFIE
from support.shipped_config import CCP_NAMES


@pytest.fixture
def bright():
    """A detector to which bright pixels are persons."""
    inputs = []
    segmenter = PersonSegmenter("selfie")
    segmenter.__dict__["_network"] = SimpleNamespace(
        setInput=inputs.append, forward=lambda: inputs[-1].mean(1, keepdims=True)
    )
    return segmenter


@pytest.mark.parametrize(("height", "width"), [(256, 256), (600, 400), (300, 512), (97, 31)])
def test_the_box_is_in_pixels_of_the_image_whatever_its_shape(bright, height, width):
    image = np.zeros((height, width, 3), np.uint8)
    top, bottom, left, right = height // 4, height // 2, width // 3, 2 * width // 3
    image[top:bottom, left:right] = 255
    boxes, labels, scores = bright(image)
    tolerance = max(1, max(height, width) / SIZE)
    assert np.abs(boxes[0] - [left, top, right, bottom]).max() <= tolerance
    assert labels.tolist() == [1]
    assert 0.5 <= scores[0] <= 1
    assert largest_person((boxes, labels, scores), height, width) is not None


def test_only_the_largest_component_counts(bright):
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    image[10:20, 10:20] = image[100:200, 50:90] = 255
    boxes, _, scores = bright(image)
    assert boxes.tolist() == [[50, 100, 90, 200]]
    assert scores.tolist() == [1]


def test_an_image_without_a_person_has_no_box(bright):
    found = bright(np.zeros((30, 20, 3), np.uint8))
    assert [len(part) for part in found] == [0, 0, 0]
    assert largest_person(found, 30, 20) is None


def test_the_setting_and_the_content_of_a_file_select_the_detector(tmp_path):
    assert isinstance(open_detector("selfie"), PersonSegmenter)
    assert open_detector("selfie").digest == SELFIE.file_hash[:8]
    assert isinstance(open_detector("coco"), PersonDetector)
    path = tmp_path / "weights"
    path.write_bytes(b"\x1c\0\0\0TFL3 and more")
    assert isinstance(open_detector(str(path)), PersonSegmenter)
    path.write_bytes(b"PK\3\4 and more")
    assert isinstance(open_detector(str(path)), PersonDetector)


def test_a_missing_file_is_reported_with_the_way_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=r"dataset\.detector=selfie: .* is missing.*make weights"):
        open_detector("selfie").require()


def test_a_damaged_network_is_refused_before_images_are_read(tmp_path):
    path = tmp_path / "other.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(64))
    with pytest.raises(ConfigError, match="not a network from images"):
        open_detector(str(path)).require()


def intersection_over_union(first, second):
    sides = [
        max(0, min(first[axis + 2], second[axis + 2]) - max(first[axis], second[axis]))
        for axis in range(2)
    ]
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return sides[0] * sides[1] / (sum(areas) - sides[0] * sides[1])


@pytest.mark.slow(seconds=5)
def test_boxes_of_real_photos_are_those_of_the_labels(ccp_root):
    if not SELFIE.path.is_file():
        pytest.skip(f"{SELFIE.path} is not on this machine: make weights")
    reader, detector = ccp(root=str(ccp_root), names=CCP_NAMES), open_detector("selfie")
    labeled, overlaps = MaskBoxes(reader), []
    for sample in reader.samples()[::40]:
        image = read_image(sample.image)
        expected = labeled.find(sample, reader.read_mask(sample))
        found = largest_person(detector(image), *image.shape[:2])
        overlaps.append(intersection_over_union(found, expected))
    assert np.mean(overlaps) > 0.85
    assert np.mean(np.array(overlaps) > 0.5) > 0.9
