"""A contact sheet: many small photos with the boxes that they are cut to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from clothseg.report.canvas import BLUE, ORANGE, TITLE, fit_title, report_style, save_figure

COLUMNS = 8
"""Photos side by side."""

CELL = 1.3, 2.1
"""Width and height of a photo's place, inches."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; right and bottom are the first that lie outside."""

HEIGHT = 360
"""Height that larger photos are reduced to, pixels."""


@dataclass(frozen=True)
class BoxedPhoto:
    """A photo with its person.

    Args:
        name: of the sample.
        photo: uint8 [H,W,3], RGB.
        person: the box that was found; None where nobody was.
        cut: what of the photo is kept.
    """

    name: str
    photo: np.ndarray
    person: Box | None
    cut: Box


@report_style
def draw_contact_sheet(photos: Sequence[BoxedPhoto], path: Path, title: str) -> None:
    """Draw photos with the person's box (dashed) and what is kept (solid), the rest darkened.

    Args:
        photos: what is shown, at least one.
        path: PNG file to write.
        title: printed above.
    """
    rows = -(-len(photos) // COLUMNS)
    width = COLUMNS * CELL[0]
    figure = Figure(figsize=(width, rows * CELL[1] + 0.5), layout="constrained")
    figure.suptitle(fit_title(title, width), **TITLE)
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for place in axes:
        place.axis("off")
    for place, shown in zip(axes, photos, strict=False):
        scale = min(1.0, HEIGHT / shown.photo.shape[0])
        place.imshow(cv2.resize(_darkened(shown), None, fx=scale, fy=scale))
        place.set_title(shown.name if shown.person else f"{shown.name}: whole", fontsize=7)
        if shown.person:
            place.add_patch(_outline(shown.cut, scale, ORANGE, "-"))
            place.add_patch(_outline(shown.person, scale, BLUE, "--"))
    save_figure(figure, path)


def _darkened(shown: BoxedPhoto) -> np.ndarray:
    """The photo with everything dark that is cut off."""
    left, top, right, bottom = shown.cut
    photo = shown.photo // 3
    photo[top:bottom, left:right] = shown.photo[top:bottom, left:right]
    return photo


def _outline(box: Box, scale: float, color: str, style: str) -> Rectangle:
    """A box in the coordinates of a photo that is drawn smaller; pixel centres are whole."""
    left, top, right, bottom = (scale * edge for edge in box)
    return Rectangle(
        (left - 0.5, top - 0.5),
        right - left,
        bottom - top,
        fill=False,
        edgecolor=color,
        linestyle=style,
        linewidth=0.9,
    )
