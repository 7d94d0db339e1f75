"""The contact sheet: what is cut off is dark, what is kept is as it was."""

import cv2
import numpy as np

from clothseg.report.contact_sheet import BoxedPhoto, draw_contact_sheet

WHITE = np.full((60, 40, 3), 255, np.uint8)


def share_of(path, grey):
    picture = cv2.imread(str(path))
    return (np.abs(picture.astype(int) - grey).max(-1) <= 3).mean()


def test_what_is_cut_off_is_dark(tmp_path):
    whole = BoxedPhoto("0001", WHITE, None, (0, 0, 40, 60))
    cut = BoxedPhoto("0002", WHITE, (12, 22, 18, 38), (10, 20, 20, 40))
    draw_contact_sheet([whole], tmp_path / "whole.png", "title")
    draw_contact_sheet([whole, cut], tmp_path / "cut.png", "title")
    dark = WHITE[0, 0, 0] // 3
    assert share_of(tmp_path / "whole.png", dark) < 0.001
    assert share_of(tmp_path / "cut.png", dark) > 0.02


def test_more_photos_than_a_row_holds(tmp_path):
    photos = [BoxedPhoto(f"{i}", WHITE, None, (0, 0, 40, 60)) for i in range(9)]
    draw_contact_sheet(photos, tmp_path / "two_rows.png", "title")
    draw_contact_sheet(photos[:8], tmp_path / "one_row.png", "title")
    heights = [cv2.imread(str(tmp_path / f"{n}.png")).shape[0] for n in ("one_row", "two_rows")]
    assert heights[1] > 1.5 * heights[0]
