"""Image with its classes laid over it in color and a legend next to it."""

from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.font_manager import FontProperties, findfont
from PIL import Image, ImageDraw, ImageFont

from clothseg.report.canvas import FONT
from clothseg.report.masks import lay_over

LONGEST_SIDE = 1400
"""Length to which the longest side of larger images is reduced, pixels."""

LEGEND_LINES = 26
"""Legend lines that fit next to an image, unless the font would become too small."""

MIN_FONT_SIZE = 11


def overlay(
    image: np.ndarray,
    mask: np.ndarray,
    names: Sequence[str],
    colors: np.ndarray,
    opacity: float,
) -> np.ndarray:
    """Overlay the classes of an image in color; the background stays unchanged.

    Args:
        image: uint8 [H,W,3], RGB.
        mask: class ids uint8 [H,W].
        names: class names in id order [K].
        colors: class colors RGB uint8 [K,3].
        opacity: opacity of the colors, (0, 1].

    Returns:
        RGB uint8 [h,w,3]: the overlay and, to its right, the classes that occur with their
        fraction of the image, largest first.
    """
    scale = min(1.0, LONGEST_SIDE / max(mask.shape))
    size = max(1, round(scale * mask.shape[1])), max(1, round(scale * mask.shape[0]))
    reduced = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    picture = lay_over(reduced, mask, colors, opacity)
    counts = np.bincount(mask.ravel(), minlength=len(names))
    return _with_legend(picture, counts / mask.size, names, colors)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %" if fraction >= 0.0005 else "below 0.1 %"


def _with_legend(
    picture: np.ndarray, fractions: np.ndarray, names: Sequence[str], colors: np.ndarray
) -> np.ndarray:
    present = [int(k) for k in np.argsort(-fractions, kind="stable") if fractions[k] > 0]
    texts = {k: f"{names[k]}  {_percent(fractions[k])}" for k in present}
    font_size = max(MIN_FONT_SIZE, picture.shape[0] // (LEGEND_LINES + 10))
    font = ImageFont.truetype(findfont(FontProperties(family=FONT)), font_size)
    line, gap = round(1.6 * font_size), font_size
    width = round(max(font.getlength(text) for text in texts.values())) + line + 3 * gap
    height = max(picture.shape[0], line * len(present) + 2 * gap)
    page = Image.new("RGB", (picture.shape[1] + width, height), "white")
    page.paste(Image.fromarray(picture))
    draw = ImageDraw.Draw(page)
    for row, (k, text) in enumerate(texts.items()):
        x, y = picture.shape[1] + gap, gap + row * line
        fill = tuple(int(value) for value in colors[k])
        draw.rectangle((x, y, x + font_size, y + font_size), fill, "#808080")
        draw.text((x + line, y + font_size / 2), text, "black", font, anchor="lm")
    return np.asarray(page)
