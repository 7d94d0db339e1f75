"""Short texts at the heads of people in a picture, which do not cover each other."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from matplotlib.font_manager import FontProperties, findfont
from PIL import Image, ImageDraw, ImageFont

from clothseg.report.canvas import FONT

FONT_SIZE = 13
"""Height of the font, pixels."""
MARGIN = 2
"""Outline of the letters, pixels."""
MAX_WIDTH = 1.2
"""Width of a text relative to its person above which a narrower one is written."""

SPACING = 1
"""Space between lines, pixels."""
OUTLINE: dict[str, Any] = {"stroke_width": MARGIN, "stroke_fill": "black"}

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; right and bottom are exclusive."""


def label_people(
    picture: np.ndarray, person: np.ndarray, texts: Mapping[int, Sequence[str]]
) -> np.ndarray:
    """Write a text at the top of each person, or below where that place is taken.

    Args:
        picture: RGB uint8 [h,w,3].
        person: number of the person, integers [H,W]; its size may differ from the picture's.
        texts: texts of each person by number, the widest first; the first one is written that is
            about as narrow as the person and finds a place, or else the last.

    Returns:
        RGB uint8 [h,w,3].
    """
    page = Image.fromarray(picture)
    draw = ImageDraw.Draw(page)
    for text, box in place_texts(person, texts, picture.shape[:2]):
        middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        draw.text(middle, text, "white", _font(), "mm", SPACING, "center", **OUTLINE)
    return np.asarray(page)


def place_texts(
    person: np.ndarray, texts: Mapping[int, Sequence[str]], shape: tuple[int, int]
) -> list[tuple[str, Box]]:
    """Choose the text of each person that has a pixel, and its place in a picture.

    Args:
        person: see :func:`label_people`.
        texts: see :func:`label_people`.
        shape: height and width of the picture, pixels.
    """
    scale = np.array(shape) / person.shape
    points = {number: np.argwhere(person == number) * scale for number in texts}
    present = {number: pixels for number, pixels in points.items() if len(pixels)}
    placed: list[tuple[str, Box]] = []
    for number, pixels in sorted(present.items(), key=lambda item: item[1][0, 0]):
        choices = [
            (text, box)
            for text, size in ((text, _size(text)) for text in texts[number])
            if text == texts[number][-1] or size[0] <= MAX_WIDTH * np.ptp(pixels[:, 1])
            for box in _places(pixels, size, shape)
        ]
        free = (one for one in choices if not any(_overlap(one[1], box) for _, box in placed))
        placed.append(next(free, choices[-1]))
    return placed


@cache
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(findfont(FontProperties(family=FONT, weight="bold")), FONT_SIZE)


def _size(text: str) -> tuple[int, int]:
    """Measure the width and height of a text with its outline, pixels."""
    draw = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    box = draw.multiline_textbbox((0, 0), text, _font(), spacing=SPACING, stroke_width=MARGIN)
    return math.ceil(box[2] - box[0]), math.ceil(box[3] - box[1])


def _places(pixels: np.ndarray, size: tuple[int, int], picture: tuple[int, int]) -> Iterator[Box]:
    """Yield places of a text of a width and height along a person, from its top to its bottom.

    Args:
        pixels: row and column of each pixel of the person, float [N,2], ordered by row.
        size: width and height of the text, pixels.
        picture: height and width of the picture, pixels.
    """
    (width, height), rows = size, pixels[:, 0]
    for top in np.arange(rows[0], rows[-1] + 1, height / 2):
        line = pixels[(rows >= top) & (rows < top + height), 1]
        if line.size:
            left = round(min(max(line.mean() - width / 2, 0), max(picture[1] - width, 0)))
            upper = round(min(top, max(picture[0] - height, 0)))
            yield left, upper, left + width, upper + height


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
