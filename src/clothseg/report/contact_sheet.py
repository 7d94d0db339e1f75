"""Contact sheet: many small images with their crop boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from clothseg.report.canvas import BLUE, ORANGE, TITLE, fit_title, report_style, save_figure

COLUMNS = 8
"""Images per row."""

CELL = 1.3, 2.1
"""Width and height of the cell of an image, inches."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; right and bottom are exclusive."""

MAX_HEIGHT = 360
"""Height to which larger images are reduced, pixels."""


@dataclass(frozen=True)
class BoxedImage:
    """Image with the box of its person.

    Args:
        name: name of the sample.
        image: uint8 [H,W,3], RGB.
        person: the box that was detected; None without a person.
        crop: the part of the image that is kept.
    """

    name: str
    image: np.ndarray
    person: Box | None
    crop: Box


@report_style
def draw_contact_sheet(images: Sequence[BoxedImage], path: Path, title: str) -> None:
    """Draw images with the box of the person (dashed) and the crop (solid); darken the rest.

    Args:
        images: the images to show, at least one.
        path: PNG file to write.
        title: title of the figure.
    """
    rows = -(-len(images) // COLUMNS)
    width = COLUMNS * CELL[0]
    figure = Figure(figsize=(width, rows * CELL[1] + 0.5), layout="constrained")
    figure.suptitle(fit_title(title, width), **TITLE)
    cells = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes in cells:
        axes.axis("off")
    for axes, boxed in zip(cells, images, strict=False):
        scale = min(1.0, MAX_HEIGHT / boxed.image.shape[0])
        axes.imshow(cv2.resize(_darken_outside(boxed), None, fx=scale, fy=scale))
        axes.set_title(boxed.name if boxed.person else f"{boxed.name}: full", fontsize=7)
        if boxed.person:
            axes.add_patch(_outline(boxed.crop, scale, ORANGE, "-"))
            axes.add_patch(_outline(boxed.person, scale, BLUE, "--"))
    save_figure(figure, path)


def _darken_outside(boxed: BoxedImage) -> np.ndarray:
    """Darken everything outside the crop."""
    left, top, right, bottom = boxed.crop
    image = boxed.image // 3
    image[top:bottom, left:right] = boxed.image[top:bottom, left:right]
    return image


def _outline(box: Box, scale: float, color: str, style: str) -> Rectangle:
    """Outline of a box on a scaled image, in coordinates whose integers are pixel centers."""
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
