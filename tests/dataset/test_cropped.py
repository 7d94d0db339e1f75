"""Photos cut to persons: photo and mask alike, whatever the dataset, seen by cache and command."""

import json
import shutil

import cv2
import numpy as np
import pytest
import scipy.io

from clothseg import build
from clothseg.cache import cache_key, open_cache
from clothseg.config.command_line import check_command
from clothseg.dataset import ccp
from clothseg.dataset.cropped import Cropped, cropped, cropped_parts, widened
from clothseg.dataset.merged import Merged
from clothseg.dataset.person_boxes import DetectedBoxes, MaskBoxes
from clothseg.error import ConfigError
from support.shipped_config import CCP_NAMES, label_space, reader_of
from support.small_datasets import write_mask
from support.stub_detector import PERSON, StubDetector

BOX = 5, 10, 15, 30
"""Where the person of every mask is; photos are 30 wide and 40 high."""


@pytest.fixture
def root(small_ccp):
    """Three photos in CCP's layout: a person in two, the third is background only."""
    mask = np.zeros((40, 30), np.uint8)
    mask[10:30, 5:15] = 4
    for number, shown in ((1, mask), (2, mask), (3, np.zeros_like(mask))):
        write_mask(small_ccp, number, shown)
    return small_ccp


@pytest.fixture
def reader(root):
    return ccp(root=str(root), names=CCP_NAMES)


@pytest.mark.parametrize(
    ("margin", "kept"),
    [(0, (5, 10, 15, 30)), (0.1, (4, 8, 16, 32)), (0.5, (0, 0, 20, 40)), (1, (0, 0, 25, 40))],
)
def test_photo_and_mask_are_cut_to_the_box_and_its_margin(reader, margin, kept):
    cut = Cropped(reader, MaskBoxes(reader), margin)
    assert widened(BOX, margin, 40, 30) == kept
    sample = cut.samples()[0]
    left, top, right, bottom = kept
    image, mask = reader.read(sample)
    assert np.array_equal(cut.read(sample)[0], image[top:bottom, left:right])
    assert np.array_equal(cut.read(sample)[1], mask[top:bottom, left:right])
    assert np.array_equal(cut.read_mask(sample), mask[top:bottom, left:right])


def test_a_background_only_photo_stays_whole(reader):
    cut = Cropped(reader, MaskBoxes(reader), 0.1)
    image, mask = cut.read(cut.samples()[2])
    assert image.shape == (40, 30, 3)
    assert not mask.any()


def test_a_detected_box_may_cut_labels_off(reader, tmp_path):
    detector = StubDetector(((8, 20, 30, 40), PERSON, 0.8))
    cut = Cropped(reader, DetectedBoxes(reader, detector, tmp_path), 0)
    image, mask = cut.read(cut.samples()[0])
    assert image.shape == (20, 22, 3)
    assert (mask != 0).sum() == 7 * 10
    assert cut.files(cut.samples()[0]) == reader.files(reader.samples()[0])


def test_what_decides_the_cut_is_in_cache_key_and_fingerprint(reader, tmp_path):
    labels = label_space("refined15")
    other = StubDetector()
    other.digest = "other"
    readers = [
        reader,
        Cropped(reader, MaskBoxes(reader), 0.1),
        Cropped(reader, MaskBoxes(reader), 0.2),
        Cropped(reader, DetectedBoxes(reader, StubDetector(), tmp_path), 0.1),
        Cropped(reader, DetectedBoxes(reader, other, tmp_path), 0.1),
    ]
    samples = reader.samples()
    assert len({cache_key(samples, each, labels, 32) for each in readers}) == 5
    assert len({each.fingerprint() for each in readers}) == 5


def test_a_cut_dataset_is_cached_and_its_boxes_are_found_from_many_threads(reader, tmp_path):
    detector = StubDetector(((5, 10, 15, 30), PERSON, 0.8))
    cut = Cropped(reader, DetectedBoxes(reader, detector, tmp_path / "boxes"), 0)
    cache = open_cache(cut, label_space("refined15"), 32, tmp_path)
    image = reader.read(reader.samples()[1])[0][10:30, 5:15]
    resized = cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA)
    assert np.array_equal(cache.images[1], resized)
    assert cache.pixels[1].sum() == 200
    assert detector.photos == 3


def test_every_source_of_a_merged_dataset_knows_its_own_background(root, tmp_path):
    """The second source's background is another id in the united names than the first's."""
    other = shutil.copytree(root, tmp_path / "other")
    names = np.empty((1, len(CCP_NAMES)), object)
    names[0] = ["bk", *CCP_NAMES[1:]]
    scipy.io.savemat(other / "label_list.mat", {"label_list": names})
    first = ccp(root=str(root), names=CCP_NAMES)
    second = ccp(root=str(other), names=["bk", *CCP_NAMES[1:]])
    cut = cropped(Merged({"a": first, "b": second}), "mask", 0, "coco", tmp_path)
    assert len(cropped_parts(cut)) == 2
    shapes = [cut.read(sample)[1].shape for sample in cut.samples()]
    assert shapes == [(20, 10), (20, 10), (40, 30)] * 2
    assert cut.treatment != Merged({"a": first, "b": second}).treatment


def composed(root, tmp_path, *overrides):
    places = [f"dataset.root={root}", f"data.cache={tmp_path / 'cache'}"]
    (job,) = check_command(["dataset=ccp", *places, *overrides])
    return job.config


def test_any_dataset_can_be_cut(root, tmp_path):
    whole = build.build_dataset(composed(root, tmp_path))
    cut = build.build_dataset(
        composed(root, tmp_path, "dataset.crop=mask", "dataset.crop_margin=0")
    )
    assert cropped_parts(whole) == []
    assert cut.read(cut.samples()[0])[1].shape == (20, 10)
    before = composed(root, tmp_path)
    for key in ("crop", "crop_margin", "detector"):
        del before["dataset"][key]
    build.require_valid(before)  # a record from before there was a crop
    assert build.build_dataset(before).fingerprint() == whole.fingerprint()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("dataset.crop=person", r"dataset\.crop=person: must be 'none', 'mask' or 'detector'"),
        ("dataset.crop_margin=-1", r"dataset\.crop_margin=-1: must be greater than or equal to 0"),
        ("dataset.crop_margn=0", r"dataset\.crop_margn: no such key; did you mean `crop_margin`\?"),
    ],
)
def test_a_wrong_key_or_value_is_told(root, tmp_path, override, message):
    with pytest.raises(ConfigError, match=message):
        composed(root, tmp_path, override)


def test_missing_weights_are_told_before_anything_is_trained(root, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("clothseg.weights.torchvision.answers", lambda url: False)
    config = composed(root, tmp_path, "dataset.crop=detector", "backbone.weights=null")
    with pytest.raises(ConfigError, match=r"put the file into .*torch/hub/checkpoints"):
        build.require_inputs(config)
    boxes = cropped_parts(build.build_dataset(config))[0].boxes
    boxes.detector = StubDetector()
    boxes.detector.digest = "b556d3b4"
    boxes.find_all()
    build.require_inputs(config)  # boxes that are there need no weights


@pytest.mark.slow(seconds=1)
def test_the_command_counts_and_draws(root, tmp_path, command_line):
    arguments = ["scripts/dataset.py", "action=crop", "dataset=ccp", f"dataset.root={root}"]
    places = [f"output={tmp_path / 'reports'}", f"data.cache={tmp_path / 'cache'}"]
    said = command_line.run([*arguments, *places, "dataset.crop=mask"])
    assert said.returncode == 0, said.stderr
    assert "photos cut to a person 2, whole without one 1" in said.stdout
    picture = cv2.imread(str(tmp_path / "reports" / "ccp-refined15" / "crop_mask.png"))
    assert min(picture.shape[:2]) > 100
    refused = command_line.run([*arguments, *places])
    assert refused.returncode == 1
    assert "dataset.crop=none: choose where boxes come from" in refused.stderr


@pytest.mark.slow
def test_a_run_on_cut_photos_has_a_record_of_its_own(command_line, tmp_path):
    for crop in ("none", "mask"):
        said = command_line.run(command_line.tiny(tmp_path / "outputs", f"dataset.crop={crop}"))
        assert said.returncode == 0, said.stderr
    records = sorted((tmp_path / "outputs").rglob("metrics.json"))
    assert len(records) == 2
    supports = [json.loads(path.read_text())["test"]["per_class"][0]["support"] for path in records]
    assert supports[0] != supports[1]  # less background is left


def test_only_objects_inside_the_box_are_counted(oracles, tmp_path):
    people = reader_of("cihp", oracles / "fixtures" / "cihp")
    detector = StubDetector(((0, 0, 40, 40), PERSON, 0.8))
    cut = Cropped(people, DetectedBoxes(people, detector, tmp_path), 0)
    fewer = 0
    for sample in people.samples():
        inside = np.bincount(people.read_mask(sample)[:40, :40].ravel(), minlength=20)
        whole, kept = people.objects(sample), cut.objects(sample)
        assert [source for source, _ in kept] == [k for k, _ in whole if inside[k]]
        assert all(0 < area <= inside[source] for source, area in kept)
        fewer += len(whole) - len(kept)
    assert fewer > 0
    assert Cropped(people, MaskBoxes(people), 0).objects(sample) == people.objects(sample)
    assert Cropped(ccp(root="x", names=["null"]), MaskBoxes(people), 0).objects(sample) is None
