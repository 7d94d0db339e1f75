"""Synthetic wardrobe: reproducible, exact, complete, and readable as Clothing Co-Parsing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from scipy.io import loadmat

from clothseg.dataset.wardrobe import WARDROBE_VERSION, draw_photo, write_ccp
from clothseg.dataset.wardrobe.canvas import Canvas, Grain, ellipse
from clothseg.dataset.wardrobe.names import CCP_ID, CCP_NAMES
from clothseg.dataset.wardrobe.piece import Piece
from clothseg.dataset.wardrobe.textures import plain
from clothseg.shipped import CONF
from support.answers import ccp_names
from support.paths import REPOSITORY

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less

PHOTOS = 160


def ignore_progress(photos: float) -> None:
    """Discard progress updates."""


def _labels(name: str) -> dict:
    return yaml.safe_load((CONF / "labels" / f"{name}.yaml").read_text())


@pytest.fixture(scope="module")
def masks() -> list[NDArray[np.uint8]]:
    return [draw_photo(0, index)[1] for index in range(PHOTOS)]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("wardrobe") / "set"
    write_ccp(root, 4, 3, ignore_progress)
    return root


def test_names_match_ccp() -> None:
    assert list(CCP_NAMES) == ccp_names()
    assert list(CCP_NAMES) == _labels("ccp59")["names"]


def test_photo_and_mask_have_equal_size_and_valid_ids() -> None:
    for index in range(12):
        image, mask = draw_photo(5, index)
        assert image.dtype == mask.dtype == np.uint8
        assert image.shape == (*mask.shape, 3)
        assert mask.shape[0] > mask.shape[1], "portrait"
        assert mask.max() < len(CCP_NAMES)
        assert 0.1 < (mask > 0).mean() < 0.9


def test_photo_depends_only_on_seed_and_index() -> None:
    first = draw_photo(7, 5)
    draw_photo(7, 6)
    again = draw_photo(7, 5)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    for other in (draw_photo(7, 6), draw_photo(8, 5)):
        assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize(
    ("seed", "index", "color", "pixels"),
    [
        (0, 0, (110.5, 92.25, 94.97), {"cardigan": 30263, "bag": 7110, "skin": 6339}),
        (0, 5, (93.49, 102.78, 105.16), {"skirt": 17770, "suit": 12690, "tights": 10475}),
        (3, 1, (128.52, 97.26, 105.65), {"stockings": 16896, "romper": 10637, "bag": 6609}),
    ],
)
def test_version_1_renders_the_photos_of_recorded_results(
    seed: int, index: int, color: tuple[float, ...], pixels: dict[str, int]
) -> None:
    assert WARDROBE_VERSION == 1, "another version renders other photos: record their values here"
    image, mask = draw_photo(seed, index)
    assert image.mean((0, 1)) == pytest.approx(color, abs=0.1)
    assert {name: (mask == CCP_ID[name]).sum() for name in pixels} == pytest.approx(
        pixels, rel=0.01
    )


@pytest.mark.slow(seconds=10)
def test_refined_classes_are_common_and_varied(masks: list[NDArray[np.uint8]]) -> None:
    present = np.stack([np.bincount(mask.ravel(), minlength=59) > 0 for mask in masks])
    for name, sources in _labels("refined15")["gathers"].items():
        ids = [CCP_ID[source] for source in sources if source in CCP_ID]
        assert present[:, ids].any(1).sum() >= 20, name
    for name, varied in (("Footwear", 7), ("Shirt", 7), ("Coat", 5), ("Pants", 3), ("Bag", 2)):
        sources = _labels("refined15")["gathers"][name]
        ids = [CCP_ID[source] for source in sources if source in CCP_ID]
        assert present[:, ids].any(0).sum() >= varied, name


@pytest.mark.slow(seconds=1)
def test_rompers_are_rare_among_any_consecutive_photos(masks: list[NDArray[np.uint8]]) -> None:
    romper = [bool(np.isin(mask, (CCP_ID["romper"], CCP_ID["bodysuit"])).any()) for mask in masks]
    for start in range(0, PHOTOS, 40):
        assert 0.05 <= np.mean(romper[start : start + 40]) <= 0.25


def test_layout_matches_ccp(written: Path) -> None:
    names = loadmat(written / "label_list.mat")["label_list"]
    assert names.shape == (1, 59)
    assert tuple(str(name[0]) for name in names[0]) == CCP_NAMES
    assert [path.name for path in sorted((written / "photos").iterdir())] == [
        f"{number:04d}.jpg" for number in range(1, 5)
    ]
    for index in range(4):
        image, mask = draw_photo(3, index)
        photo = cv2.imread(str(written / "photos" / f"{index + 1:04d}.jpg"))[..., ::-1]
        pixels = loadmat(written / "annotations" / "pixel-level" / f"{index + 1:04d}.mat")
        assert pixels["groundtruth"].dtype == np.uint8
        assert np.array_equal(pixels["groundtruth"], mask)
        assert np.abs(photo.astype(int) - image).mean() < 6, "JPEG changes little"


def test_bytes_are_reproducible_and_independent_of_the_count(written: Path, tmp_path: Path) -> None:
    write_ccp(tmp_path / "again", 2, 3, ignore_progress)
    for path in sorted((tmp_path / "again").rglob("*.*")):
        assert path.read_bytes() == (written / path.relative_to(tmp_path / "again")).read_bytes()


def test_progress_counts_photos(tmp_path: Path) -> None:
    counts: list[float] = []
    write_ccp(tmp_path / "deep" / "set", 3, 0, counts.append)
    assert counts == [1, 1, 1]


def test_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    def stop(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_ccp(tmp_path / "set", 3, 0, stop)
    assert list(tmp_path.iterdir()) == []


def test_existing_files_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "notes.txt").write_text("keep")
    with pytest.raises(OSError, match="set"):
        write_ccp(tmp_path / "set", 1, 0, ignore_progress)
    assert [path.name for path in tmp_path.rglob("*")] == ["set", "notes.txt"]


def test_mask_contains_pixels_at_least_half_covered() -> None:
    canvas = Canvas(
        np.zeros((64, 64, 3), np.float32), np.zeros((64, 64), np.uint8), np.float32([0, -1])
    )
    white = plain(np.float32([200, 200, 200]))
    grain = Grain(np.float32([0, 0]), np.float32([0, 1]), 10)
    disc = ellipse(np.float32([31.5, 31.5]), 20, 20)
    canvas.paint([disc], Piece("hat", white), white, grain, relief=0, shadow=0)
    assert np.array_equal(canvas.mask == CCP_ID["hat"], canvas.image[..., 0] >= 200 * 128 / 255 - 1)
    assert (canvas.mask > 0).sum() == pytest.approx(np.pi * 20**2, rel=0.05)


def test_strokes_stay_inside_their_garment() -> None:
    canvas = Canvas(
        np.zeros((32, 32, 3), np.float32), np.zeros((32, 32), np.uint8), np.float32([0, -1])
    )
    canvas.mask[:, 10:20] = CCP_ID["coat"]
    before = canvas.mask.copy()
    coat = Piece("coat", plain(np.float32([0, 0, 0])))
    canvas.stroke(np.float32([[-5, 16], [40, 16]]), np.float32([255, 0, 0]), 3, coat)
    assert np.array_equal(canvas.mask, before)
    assert not canvas.image[canvas.mask == 0].any()
    assert (canvas.image[16, 10:20, 0] > 250).all()


def nearest_neighbor_miou(
    images: NDArray[np.uint8], classes: NDArray[np.uint8], train: NDArray, test: NDArray
) -> float:
    """Return the 15-class mean IoU of 5 nearest neighbors on the color and position of a pixel.

    Args:
        images: [N,S,S,3].
        classes: ids of the refined classes [N,S,S].
        train: indices of the training photos, of which at most 200,000 pixels are used.
        test: indices of the photos to score.
    """
    neighbors = pytest.importorskip("sklearn.neighbors")
    count, size = classes.shape[:2]
    position = np.stack(np.mgrid[:size, :size], -1) / size
    features = np.concatenate(
        [images / 255, np.broadcast_to(position, (count, size, size, 2))], -1
    ).reshape(count, -1, 5)
    labels = classes.reshape(count, -1)
    train_features, train_labels = features[train].reshape(-1, 5), labels[train].ravel()
    subset = np.random.default_rng(0).permutation(len(train_features))[:200_000]
    model = neighbors.KNeighborsClassifier(5).fit(train_features[subset], train_labels[subset])
    prediction = model.predict(features[test].reshape(-1, 5)).astype(int)
    matrix = np.bincount(15 * labels[test].ravel().astype(int) + prediction, minlength=225)
    matrix = matrix.reshape(15, 15)
    intersection = np.diag(matrix)
    union = matrix.sum(0) + matrix.sum(1) - intersection
    return float(np.mean(intersection / np.maximum(union, 1)))


@pytest.mark.slow(seconds=130)
def test_default_network_doubles_the_miou_of_single_pixels(tmp_path: Path) -> None:
    command = [sys.executable, "train.py", "trainer=cpu", "trainer.threads=1", f"output={tmp_path}"]
    folders = [f"dataset.root={tmp_path / 'drawn'}", f"data.cache={tmp_path / 'cache'}"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    subprocess.run([*command, *folders], cwd=REPOSITORY, env=environment, check=True)
    (run,) = tmp_path.glob("*/*/*/fold-0")
    network = json.loads((run / "metrics.json").read_text())["test"]["mean"]["iou"]
    (cache,) = (path for path in (tmp_path / "cache").glob("pixels-*") if path.is_dir())
    images, classes = np.load(cache / "images.npy"), np.load(cache / "masks.npy")
    split = json.loads((run / "split.json").read_text())
    train, test = ([int(name) - 1 for name in split[part]] for part in ("train", "test"))
    single_pixels = nearest_neighbor_miou(images, classes, np.array(train), np.array(test))
    print(f"network {network:.3f}, nearest neighbors {single_pixels:.3f}")
    assert single_pixels <= network / 2
