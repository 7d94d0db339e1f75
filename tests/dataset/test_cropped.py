"""Cropping to persons: image and mask, any dataset, cache keys and the command."""

import json
import shutil

import cv2
import numpy as np
import pytest
import scipy.io

from clothseg import build
from clothseg.cache import open_cache
from clothseg.cache.census import census_folder
from clothseg.config.command_line import check_command
from clothseg.config.run_config import RunConfig
from clothseg.dataset import ccp
from clothseg.dataset.cropped import Cropped, crop_to_persons, cropped_readers, widen
from clothseg.dataset.merged import Merged
from clothseg.dataset.person_boxes import DetectedBoxes, MaskBoxes
from clothseg.error import ConfigError
from clothseg.geometry import Frame
from clothseg.jobs.inputs import Inputs
from support.shipped_config import CCP_NAMES, label_space, reader_of
from support.small_datasets import write_mask
from support.stub_detector import PERSON, StubDetector

BOX = 5, 10, 15, 30
"""Box of the person in each mask; images are 30 wide and 40 high."""


@pytest.fixture
def root(small_ccp):
    """Three images in CCP's layout: two with a person, the third is all background."""
    mask = np.zeros((40, 30), np.uint8)
    mask[10:30, 5:15] = 4
    for number, values in ((1, mask), (2, mask), (3, np.zeros_like(mask))):
        write_mask(small_ccp, number, values)
    return small_ccp


@pytest.fixture
def reader(root):
    return ccp(root=str(root), names=CCP_NAMES)


@pytest.mark.parametrize(
    ("margin", "expected"),
    [(0, (5, 10, 15, 30)), (0.1, (4, 8, 16, 32)), (0.5, (0, 0, 20, 40)), (1, (0, 0, 25, 40))],
)
def test_image_and_mask_are_cropped_to_the_box_plus_margin(reader, margin, expected):
    cropped = Cropped(reader, MaskBoxes(reader), margin)
    assert widen(BOX, margin, 40, 30) == expected
    sample = cropped.samples()[0]
    left, top, right, bottom = expected
    image, mask = reader.read(sample)
    assert np.array_equal(cropped.read(sample)[0], image[top:bottom, left:right])
    assert np.array_equal(cropped.read(sample)[1], mask[top:bottom, left:right])
    assert np.array_equal(cropped.read_mask(sample), mask[top:bottom, left:right])


def test_a_background_only_image_is_not_cropped(reader):
    cropped = Cropped(reader, MaskBoxes(reader), 0.1)
    image, mask = cropped.read(cropped.samples()[2])
    assert image.shape == (40, 30, 3)
    assert not mask.any()


def test_a_detected_box_may_exclude_labeled_pixels(reader, tmp_path):
    detector = StubDetector(((8, 20, 30, 40), PERSON, 0.8))
    cropped = Cropped(reader, DetectedBoxes(reader, detector, tmp_path), 0)
    image, mask = cropped.read(cropped.samples()[0])
    assert image.shape == (20, 22, 3)
    assert (mask != 0).sum() == 7 * 10
    assert cropped.files(cropped.samples()[0]) == reader.files(reader.samples()[0])


def test_crop_settings_enter_cache_key_and_fingerprint(reader, tmp_path):
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
    assert len({census_folder(tmp_path, samples, one, labels) for one in readers}) == 5
    assert len({one.fingerprint() for one in readers}) == 5


def test_a_cropped_dataset_is_cached_and_detects_boxes_only_once(reader, tmp_path):
    detector = StubDetector(((5, 10, 15, 30), PERSON, 0.8))
    cropped = Cropped(reader, DetectedBoxes(reader, detector, tmp_path / "boxes"), 0)
    cache = open_cache(cropped, label_space("refined15"), Frame.of(32), tmp_path)
    image = reader.read(reader.samples()[1])[0][10:30, 5:15]
    resized = cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA)
    assert np.array_equal(cache.images[1], resized)
    assert cache.pixels[1].sum() == 200
    assert detector.photos == 3


def test_each_source_of_a_merged_dataset_uses_its_own_background(root, tmp_path):
    """The backgrounds of the two sources have different ids in the merged names."""
    other = shutil.copytree(root, tmp_path / "other")
    names = np.empty((1, len(CCP_NAMES)), object)
    names[0] = ["bk", *CCP_NAMES[1:]]
    scipy.io.savemat(other / "label_list.mat", {"label_list": names})
    first = ccp(root=str(root), names=CCP_NAMES)
    second = ccp(root=str(other), names=["bk", *CCP_NAMES[1:]])
    cropped = crop_to_persons(Merged({"a": first, "b": second}), "mask", 0, "coco", tmp_path)
    assert len(cropped_readers(cropped)) == 2
    shapes = [cropped.read(sample)[1].shape for sample in cropped.samples()]
    assert shapes == [(20, 10), (20, 10), (40, 30)] * 2
    assert cropped.treatment != Merged({"a": first, "b": second}).treatment


def compose(root, tmp_path, *overrides):
    folders = [f"dataset.root={root}", f"data.cache={tmp_path / 'cache'}"]
    (job,) = check_command(["dataset=ccp", *folders, *overrides])
    return job.config


def test_any_dataset_can_be_cropped(root, tmp_path):
    original = build.build_dataset(compose(root, tmp_path))
    cropped = build.build_dataset(
        compose(root, tmp_path, "dataset.crop=mask", "dataset.crop_margin=0")
    )
    assert cropped_readers(original) == []
    assert cropped.read(cropped.samples()[0])[1].shape == (20, 10)
    plain = compose(root, tmp_path).plain
    later = ("crop", "crop_margin", "detector")
    node = {key: value for key, value in plain["dataset"].items() if key not in later}
    before = RunConfig.of({**plain, "dataset": node})  # a record that predates cropping
    assert build.build_dataset(before).fingerprint() == original.fingerprint()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("dataset.crop=person", r"dataset\.crop=person: must be 'none', 'mask' or 'detector'"),
        ("dataset.crop_margin=-1", r"dataset\.crop_margin=-1: must be greater than or equal to 0"),
        ("dataset.crop_margn=0", r"dataset\.crop_margn: no such key; did you mean `crop_margin`\?"),
    ],
)
def test_an_invalid_key_or_value_is_reported(root, tmp_path, override, message):
    with pytest.raises(ConfigError, match=message):
        compose(root, tmp_path, override)


def test_missing_weights_are_reported_before_training(root, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("clothseg.weights.torchvision.is_reachable", lambda url: False)
    config = compose(root, tmp_path, "dataset.crop=detector", "backbone.weights=null")
    with pytest.raises(ConfigError, match=r"put the file into .*torch/hub/checkpoints"):
        Inputs().require([config])
    boxes = cropped_readers(build.build_dataset(config))[0].boxes
    boxes.detector = StubDetector()
    boxes.detector.digest = "b556d3b4"
    boxes.find_all()
    Inputs().require([config])  # stored boxes need no weights


@pytest.mark.slow(seconds=1)
def test_the_command_reports_counts_and_writes_a_figure(root, tmp_path, command_line):
    arguments = ["scripts/dataset.py", "action=crop", "dataset=ccp", f"dataset.root={root}"]
    folders = [f"output={tmp_path / 'reports'}", f"data.cache={tmp_path / 'cache'}"]
    result = command_line.run([*arguments, *folders, "dataset.crop=mask"])
    assert result.returncode == 0, result.stderr
    assert "2 images cropped to a person, 1 uncropped (no person found)" in result.stdout
    picture = cv2.imread(str(tmp_path / "reports" / "ccp-refined15" / "crop_mask.png"))
    assert min(picture.shape[:2]) > 100
    rejected = command_line.run([*arguments, *folders])
    assert rejected.returncode == 1
    assert "dataset.crop=none: choose the source of the boxes" in rejected.stderr


@pytest.mark.slow
def test_a_run_on_cropped_images_has_its_own_record(command_line, tmp_path):
    for crop in ("none", "mask"):
        result = command_line.run(command_line.tiny(tmp_path / "outputs", f"dataset.crop={crop}"))
        assert result.returncode == 0, result.stderr
    records = sorted((tmp_path / "outputs").rglob("metrics.json"))
    assert len(records) == 2
    supports = [json.loads(path.read_text())["test"]["per_class"][0]["support"] for path in records]
    assert supports[0] != supports[1]  # crops have less background


def test_only_objects_inside_the_box_are_counted(drawn_datasets, tmp_path):
    people = reader_of("cihp", drawn_datasets / "cihp")
    detector = StubDetector(((0, 0, 40, 40), PERSON, 0.8))
    cropped = Cropped(people, DetectedBoxes(people, detector, tmp_path), 0)
    removed = 0
    for sample in people.samples():
        inside = np.bincount(people.read_mask(sample)[:40, :40].ravel(), minlength=20)
        original, inside_box = people.objects(sample), cropped.objects(sample)
        assert [source for source, _ in inside_box] == [k for k, _ in original if inside[k]]
        assert all(0 < area <= inside[source] for source, area in inside_box)
        removed += len(original) - len(inside_box)
    assert removed > 0
    assert Cropped(people, MaskBoxes(people), 0).objects(sample) == people.objects(sample)
    assert Cropped(ccp(root="x", names=["null"]), MaskBoxes(people), 0).objects(sample) is None
