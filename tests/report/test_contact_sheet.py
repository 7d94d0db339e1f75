"""Contact sheet: the area outside the crop is dark, the crop itself is unchanged."""

import cv2
import numpy as np
import pytest

from clothseg.report.contact_sheet import BoxedImage, draw_contact_sheet

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less

WHITE = np.full((60, 40, 3), 255, np.uint8)


def fraction_of(path, gray):
    picture = cv2.imread(str(path))
    return (np.abs(picture.astype(int) - gray).max(-1) <= 3).mean()


def test_area_outside_the_crop_is_dark(tmp_path):
    full = BoxedImage("0001", WHITE, None, (0, 0, 40, 60))
    cropped = BoxedImage("0002", WHITE, (12, 22, 18, 38), (10, 20, 20, 40))
    draw_contact_sheet([full], tmp_path / "full.png", "title")
    draw_contact_sheet([full, cropped], tmp_path / "cropped.png", "title")
    dark = WHITE[0, 0, 0] // 3
    assert fraction_of(tmp_path / "full.png", dark) < 0.001
    assert fraction_of(tmp_path / "cropped.png", dark) > 0.02


def test_images_that_do_not_fit_one_row_wrap(tmp_path):
    images = [BoxedImage(f"{i}", WHITE, None, (0, 0, 40, 60)) for i in range(9)]
    draw_contact_sheet(images, tmp_path / "two_rows.png", "title")
    draw_contact_sheet(images[:8], tmp_path / "one_row.png", "title")
    heights = [cv2.imread(str(tmp_path / f"{n}.png")).shape[0] for n in ("one_row", "two_rows")]
    assert heights[1] > 1.5 * heights[0]
