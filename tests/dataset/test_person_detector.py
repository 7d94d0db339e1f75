"""The person detector: weights from a file or torchvision's cache, and helpful error messages."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision.models.detection import SSD300_VGG16_Weights, ssd300_vgg16

from clothseg.dataset import ccp
from clothseg.dataset.person_boxes import DetectedBoxes
from clothseg.dataset.person_detector import COCO, PersonDetector, open_detector
from clothseg.error import ConfigError
from clothseg.weights import hub
from support.shipped_config import CCP_NAMES

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of random weights whose head confidently detects persons everywhere."""
    path = tmp_path_factory.mktemp("weights") / "ssd.pth"
    torch.manual_seed(0)
    state = ssd300_vgg16(weights=None, weights_backbone=None).state_dict()
    state["head.classification_head.module_list.5.bias"].view(-1, 91)[:, 1] = 20
    torch.save(state, path)
    return path


def test_the_url_is_torchvisions():
    published = SSD300_VGG16_Weights.COCO_V1
    assert published.url == COCO.url
    assert published.meta["categories"][1] == "person"
    assert PersonDetector("coco").digest == "b556d3b4"


@pytest.mark.slow
def test_weights_from_a_file_detect_boxes(weights, small_ccp, tmp_path):
    detector = PersonDetector(str(weights))
    detector.require()
    boxes, labels, scores = detector(np.full((60, 40, 3), 90, np.uint8))
    assert len(boxes) == len(labels) == len(scores) > 0
    assert boxes.shape[1] == 4
    assert set(labels) == {1}
    assert scores.min() > 0.99
    assert boxes[:, [0, 2]].max() <= 40.001
    assert boxes[:, [1, 3]].max() <= 60.001
    reader = ccp(root=str(small_ccp), names=CCP_NAMES)
    found = DetectedBoxes(reader, detector, tmp_path).find_all()
    assert all(found[name] is not None for name in ("0001", "0002", "0003"))


def test_the_digest_depends_on_the_content(weights, tmp_path):
    copy, other = tmp_path / "copy.pth", tmp_path / "other.pth"
    copy.write_bytes(weights.read_bytes())
    other.write_bytes(b"other")
    digests = [PersonDetector(str(path)).digest for path in (weights, copy, other)]
    assert digests[0] == digests[1] != digests[2]


def test_a_missing_file_is_reported():
    with pytest.raises(ConfigError, match=r"dataset\.detector=nowhere\.pth: no such file"):
        open_detector("nowhere.pth")


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"not weights", None])
def test_a_file_of_other_weights_is_reported(tmp_path, content):
    path = tmp_path / "other.pth"
    if content is None:
        torch.save({"layer": torch.zeros(2)}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(
        ConfigError, match=r"does not contain weights of torchvision's ssd300_vgg16"
    ):
        PersonDetector(str(path))(np.zeros((20, 20, 3), np.uint8))


def test_offline_the_file_and_its_destination_are_named_quickly(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def refuse(address, timeout):
        raise OSError("unreachable")

    monkeypatch.setattr(hub.socket, "create_connection", refuse)
    start = time.monotonic()
    for call in (PersonDetector.require, lambda d: d(np.zeros((20, 20, 3), np.uint8))):
        with pytest.raises(ConfigError) as error:
            call(PersonDetector("coco"))
        assert COCO.url in str(error.value)
        assert f"put the file into {torch.hub.get_dir()}/checkpoints" in str(error.value)
    assert time.monotonic() - start < 5


def test_a_download_with_other_content_is_rejected(tmp_path, monkeypatch, weights):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("clothseg.weights.torchvision.is_reachable", lambda url: True)
    other = replace(COCO, url=f"{weights.as_uri()}#-b556d3b4.pth")
    monkeypatch.setattr("clothseg.dataset.person_detector.COCO", other)
    with pytest.raises(ConfigError, match="invalid hash value"):
        PersonDetector("coco")(np.zeros((20, 20, 3), np.uint8))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_stored_weights_need_no_network(tmp_path, monkeypatch, weights):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("clothseg.weights.torchvision.is_reachable", None)
    store = tmp_path / "hub" / "checkpoints"
    store.mkdir(parents=True)
    (store / COCO.url.rpartition("/")[2]).symlink_to(weights)
    detector = PersonDetector("coco")
    detector.require()
    assert len(detector(np.zeros((20, 20, 3), np.uint8))[0]) > 0
