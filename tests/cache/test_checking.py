"""Masks are checked when a census is opened, before any training."""

import cv2
import numpy as np
import pytest
from PIL import Image

from clothseg.build import build_dataset
from clothseg.cache import open_census, read_census
from clothseg.config.command_line import check_command
from clothseg.error import DataError
from support.small_datasets import OWN_LABELS, png


def opened(root, cache):
    (job,) = check_command(["dataset=folder", f"dataset.root={root}"])
    return open_census(build_dataset(job.config), job.config.labels, cache)


def rewrite_masks(root, change):
    for path in sorted((root / "masks").glob("*.png")):
        cv2.imwrite(str(path), np.asarray(change(png(path)), np.uint8))


def test_masks_without_findings_are_opened_without_warnings(own_photos, tmp_path):
    assert list(opened(own_photos, tmp_path / "cache").warnings) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda mask: np.where(mask == 0, 0, 255),
            "only background occurs in the masks, of 3 classes, so that scores would mean nothing; "
            "their other pixels are 255, which is ignored and never a class; if 255 means left "
            "glove, write the id of that class instead",
        ),
        (np.zeros_like, "only background occurs in the masks, .*; check that the masks hold"),
        (np.ones_like, "only left glove occurs in the masks"),
        (lambda mask: np.full_like(mask, 255), "no class occurs in the masks"),
    ],
)
def test_fewer_than_two_classes_are_an_error(own_photos, tmp_path, change, message):
    rewrite_masks(own_photos, change)
    for _ in range(2):  # also if the arrays are there already
        with pytest.raises(DataError, match=message):
            opened(own_photos, tmp_path / "cache")


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        (
            lambda mask: np.where(mask == 0, 1, mask),
            "background (id 0) does not occur in any mask, 1 to 2 do; do the ids count from 1?",
        ),
        (
            lambda mask: np.where(mask == 2, 0, mask),
            "1 of 3 classes occur in no mask: right glove",
        ),
    ],
)
def test_suspicious_ids_are_a_warning_that_is_stored(own_photos, tmp_path, change, warning):
    rewrite_masks(own_photos, change)
    census = opened(own_photos, tmp_path / "cache")
    assert warning in census.warnings
    assert list(read_census(census.folder).warnings) == list(census.warnings)


def test_each_kind_of_suspicious_mask_is_one_warning_with_a_count(own_photos, tmp_path):
    for name in "01":
        path = own_photos / "masks" / f"{name}.png"
        mask = np.where(png(path) == 0, 0, 255 if name == "0" else 0)
        cv2.imwrite(str(path), mask.astype(np.uint8))
    (warning,) = opened(own_photos, tmp_path / "cache").warnings
    assert warning == (
        "nothing is labeled in 2 of 3 masks: 0, 1; 1 of them have 255, which is ignored"
    )


def test_the_reader_s_warnings_about_single_masks_are_counted(own_photos, tmp_path):
    colors = np.full((256, 3), 255, np.uint8)
    order = [2, 0, 1]
    colors[:3] = [[int(OWN_LABELS[k]["color"][n : n + 2], 16) for n in (1, 3, 5)] for k in order]
    for name in "12":
        picture = Image.fromarray(png(own_photos / "masks" / f"{name}.png"))
        picture.putpalette(colors.tobytes())
        picture.save(own_photos / "masks" / f"{name}.png")
    census = opened(own_photos, tmp_path / "cache")
    (warning,) = census.warnings
    assert warning.startswith("2 of 3 annotations are suspicious, e.g. ")
    assert f"{own_photos}/masks/1.png: read by the colors of its palette" in warning
    counts = np.bincount(png(own_photos / "masks" / "1.png").ravel())
    assert census.pixels[1][order].tolist() == counts.tolist()
