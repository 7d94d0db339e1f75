"""A photo with its classes in colour, and beside it what the colours mean."""

from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.font_manager import FontProperties, findfont
from PIL import Image, ImageDraw, ImageFont

from clothseg.report.canvas import FONT
from clothseg.report.predictions import color_mask

LONGEST_SIDE = 1400
"""Pixels that larger photos are reduced to."""

LINES = 26
"""Lines of the legend that fit beside a photo, unless its letters would get too small."""

SMALLEST_LETTERS = 11


def overlay(
    photo: np.ndarray,
    mask: np.ndarray,
    names: Sequence[str],
    colors: np.ndarray,
    opacity: float,
) -> np.ndarray:
    """Paint the classes of a photo over it; the background stays as it is.

    Args:
        photo: uint8 [H,W,3], RGB.
        mask: class ids uint8 [H,W].
        names: class names in id order [K].
        colors: class colours RGB uint8 [K,3].
        opacity: of the colours, (0, 1].

    Returns:
        RGB uint8 [h,w,3]: the picture, and at its right the classes in it with their shares of the
        photo, the largest first.
    """
    scale = min(1.0, LONGEST_SIDE / max(mask.shape))
    size = max(1, round(scale * mask.shape[1])), max(1, round(scale * mask.shape[0]))
    picture = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    classes = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    painted = cv2.addWeighted(color_mask(classes, colors), opacity, picture, 1 - opacity, 0)
    picture = np.where((classes > 0)[..., None], painted, picture)
    picture[_borders(classes)] = 255
    counts = np.bincount(mask.ravel(), minlength=len(names))
    return _with_legend(picture, counts / mask.size, names, colors)


def _borders(classes: np.ndarray) -> np.ndarray:
    """Pixels whose left or upper neighbour has another class, bool [H,W]."""
    border = np.zeros(classes.shape, bool)
    border[:, 1:] |= classes[:, 1:] != classes[:, :-1]
    border[1:] |= classes[1:] != classes[:-1]
    return border


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.0005 else "below 0.1 %"


def _with_legend(
    picture: np.ndarray, shares: np.ndarray, names: Sequence[str], colors: np.ndarray
) -> np.ndarray:
    shown = [int(k) for k in np.argsort(-shares, kind="stable") if shares[k] > 0]
    texts = {k: f"{names[k]}  {_percent(shares[k])}" for k in shown}
    letters = max(SMALLEST_LETTERS, picture.shape[0] // (LINES + 10))
    font = ImageFont.truetype(findfont(FontProperties(family=FONT)), letters)
    line, gap = round(1.6 * letters), letters
    wide = round(max(font.getlength(text) for text in texts.values())) + line + 3 * gap
    height = max(picture.shape[0], line * len(shown) + 2 * gap)
    page = Image.new("RGB", (picture.shape[1] + wide, height), "white")
    page.paste(Image.fromarray(picture))
    draw = ImageDraw.Draw(page)
    for row, (k, text) in enumerate(texts.items()):
        x, y = picture.shape[1] + gap, gap + row * line
        fill = tuple(int(value) for value in colors[k])
        draw.rectangle((x, y, x + letters, y + letters), fill, "#808080")
        draw.text((x + line, y + letters / 2), text, "black", font, anchor="lm")
    return np.asarray(page)
