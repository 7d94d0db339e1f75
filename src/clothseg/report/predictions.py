"""Images with their ground-truth and predicted masks laid over them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from matplotlib.patches import Patch

from clothseg.labels import IGNORE
from clothseg.report.legend import class_entries, ignored_entry, occurring_values
from clothseg.report.masks import lay_over, with_few_shades
from clothseg.report.picture_grid import NO_BREAK, Row, draw_grid

if TYPE_CHECKING:
    from clothseg.report.people import PeoplePicture

OPACITY = 0.7
"""Opacity of class colors over an image; the background is not painted."""

LONGEST_SIDE = 300
"""Longest side of a picture in the figures of a run, pixels."""
MAX_TOTAL_PIXELS = 230_000
"""Pixels of all pictures in such a figure, which keep the file below 300 kB."""


@dataclass(frozen=True)
class Prediction:
    """Predicted mask of an image.

    Args:
        mask: class ids uint8 [H,W].
        iou: IoU, 0 to 1, NaN if it is undefined.
        note: what else to write below the mask.
    """

    mask: np.ndarray
    iou: float
    note: str = ""


@dataclass(frozen=True)
class Example:
    """One image with its masks.

    Args:
        name: name of the sample.
        image: uint8 [H,W,3], RGB.
        ground_truth: class ids uint8 [H,W], 255 = ignore.
        predictions: predictions of one or more networks.
        heading: text above the row, which begins a section; empty for none.
        people: its people, true and found by the first network; None for semantic segmentation.
    """

    name: str
    image: np.ndarray
    ground_truth: np.ndarray
    predictions: Sequence[Prediction]
    heading: str = ""
    people: "PeoplePicture | None" = None


def draw_predictions(
    examples: Sequence[Example],
    names: Sequence[str],
    colors: np.ndarray,
    path: Path,
    title: str,
    columns: Sequence[str] = ("prediction",),
    longest_side: int = LONGEST_SIDE,
    max_pixels: float = MAX_TOTAL_PIXELS,
) -> None:
    """Draw one row per example: image, ground truth, predictions; add a legend of the classes.

    Small images are enlarged by integer factors without smoothing. Masks are laid over the image;
    ignored pixels are hatched gray.

    Args:
        examples: the rows from top to bottom, at least one.
        names: class names [K].
        colors: class colors RGB uint8 [K,3].
        path: the PNG to write.
        title: title of the figure.
        columns: header of each prediction.
        longest_side: longest side of a picture, pixels.
        max_pixels: limit of the pixels of all pictures.
    """
    pictures = len(examples) * (2 + len(columns))
    rows = [_row(example, colors, longest_side, max_pixels / pictures) for example in examples]
    entries = _legend_entries(examples, names, colors)
    draw_grid(rows, ("image", "ground truth", *columns), {"": entries}, path, title)


def _row(example: Example, colors: np.ndarray, longest_side: int, area: float) -> Row:
    height, width = _shown_size(example.ground_truth.shape, longest_side, area)
    shrink = height < example.image.shape[0]
    image = cv2.resize(
        np.ascontiguousarray(example.image),
        (width, height),
        interpolation=cv2.INTER_AREA if shrink else cv2.INTER_NEAREST_EXACT,
    )
    masks = [example.ground_truth, *(prediction.mask for prediction in example.predictions)]
    pictures = [image, *(lay_over(image, mask, colors, OPACITY) for mask in masks)]
    captions = ["", "", *map(_caption, example.predictions)]
    return Row(example.name, list(map(with_few_shades, pictures)), captions, example.heading)


def _shown_size(shape: Sequence[int], longest_side: int, area: float) -> tuple[int, int]:
    """Displayed height and width in pixels, limited by the row and by the size of the file."""
    height, width = shape
    longest = max(height, width)
    scale = min(1, longest_side / longest, math.sqrt(area / (height * width)))
    if scale == 1:
        scale = longest_side // longest
    return max(1, round(scale * height)), max(1, round(scale * width))


def _caption(prediction: Prediction) -> str:
    iou = "undefined" if math.isnan(prediction.iou) else f"{100 * prediction.iou:.1f}{NO_BREAK}%"
    return f"IoU{NO_BREAK}{iou}" + (f"\n{prediction.note}" if prediction.note else "")


def _legend_entries(
    examples: Sequence[Example], names: Sequence[str], colors: np.ndarray
) -> list[Patch]:
    """Legend of the classes that occur in the masks of examples, and of ignored pixels."""
    occurring = occurring_values(
        mask
        for example in examples
        for mask in (example.ground_truth, *(p.mask for p in example.predictions))
    )
    entries = class_entries(occurring, names, [f"#{bytes(color).hex()}" for color in colors])
    return [*entries, ignored_entry()] if occurring[IGNORE] else entries
