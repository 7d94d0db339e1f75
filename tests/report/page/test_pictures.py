"""Pictures within a page."""

import base64
import io

import numpy as np
from PIL import Image

from clothseg.report.page.pictures import LONGEST_SIDE, recorded_figure, show

COLORS = np.array([[0, 0, 0], [200, 10, 20], [10, 200, 20]], np.uint8)


def decoded(uri, mode="RGBA"):
    """Picture of a data URI."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert(mode))


def test_masks_are_colored_transparent_where_there_is_background_and_gray_where_ignored():
    mask = np.array([[0, 1], [2, 255]], np.uint8)
    shown = show("a", np.zeros((2, 2, 3), np.uint8), [("ground truth", mask, None)], COLORS)
    pixels = decoded(shown.layers[0].mask)
    assert pixels[0, 0, 3] == 0
    assert pixels[0, 1].tolist() == [200, 10, 20, 255]
    assert pixels[1, 0].tolist() == [10, 200, 20, 255]
    assert pixels[1, 1].tolist() == [217, 217, 217, 255]
    assert shown.classes == [1, 2]


def test_large_photos_are_reduced_with_their_masks():
    image, mask = np.zeros((900, 600, 3), np.uint8), np.ones((900, 600), np.uint8)
    shown = show("a", image, [("ground truth", mask, None), ("unet", mask, 0.5)], COLORS)
    assert (shown.width, shown.height) == (200, LONGEST_SIDE)
    for uri in (shown.photo, *(layer.mask for layer in shown.layers)):
        assert decoded(uri).shape[:2] == (LONGEST_SIDE, 200)
    assert [layer.caption for layer in shown.layers] == ["", "IoU 50.0 %"]


def test_recorded_figures_are_reduced_and_damaged_ones_left_out(tmp_path):
    path = tmp_path / "best.png"
    assert recorded_figure(path) is None
    path.write_bytes(b"no picture")
    assert recorded_figure(path) is None
    Image.new("RGB", (2400, 300), "white").save(path)
    assert decoded(recorded_figure(path)).shape[:2] == (150, 1200)
