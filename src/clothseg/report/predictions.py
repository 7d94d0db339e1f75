"""Images next to their ground-truth and predicted masks."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from clothseg.error import shortened
from clothseg.labels import IGNORE
from clothseg.report.canvas import (
    DPI,
    MAX_NAME,
    TITLE,
    fit_title,
    report_style,
    save_figure,
    text_width,
)

IGNORED_COLOR = (217, 217, 217)
HATCH_COLOR = (150, 150, 150)
OUTLINE_COLOR = (255, 255, 255)
EDGE = "#808080"

# Lengths in pixels of the PNG.
LONGEST_SIDE = 300
MAX_TOTAL_PIXELS = 170_000  # of all images together; keeps the file below 300 kB
LABEL_HEIGHT = 100
MIN_WIDTH = 600
GAP = 12
LINE = 25


@dataclass(frozen=True)
class Example:
    """One image with its masks.

    Args:
        name: name of the sample.
        image: uint8 [H,W,3], RGB.
        ground_truth: class ids uint8 [H,W], 255 = ignore.
        prediction: class ids uint8 [H,W].
        iou: mean IoU of this image, 0 to 1.
    """

    name: str
    image: np.ndarray
    ground_truth: np.ndarray
    prediction: np.ndarray
    iou: float


def color_mask(mask: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Paint class ids in their colors and ignored pixels in light gray.

    Args:
        mask: class ids uint8 [H,W], 255 = ignore.
        colors: RGB uint8 [K,3].

    Returns:
        RGB uint8 [H,W,3].

    Raises:
        ValueError: the mask contains ids without a color.
    """
    unknown = [int(k) for k in np.unique(mask) if k >= len(colors) and k != IGNORE]
    if unknown:
        raise ValueError(
            f"the mask contains ids {unknown}; only 0 to {len(colors) - 1} have a color"
        )
    table = np.full((256, 3), IGNORED_COLOR, np.uint8)
    table[: len(colors)] = colors
    return np.asarray(table[mask])


@report_style
def draw_predictions(
    examples: Sequence[Example],
    names: Sequence[str],
    colors: np.ndarray,
    path: Path,
    title: str,
) -> None:
    """Draw one row per example: image, ground truth, prediction; add a legend of the classes.

    Small images are enlarged by integer factors without smoothing. Ignored pixels are hatched gray.

    Args:
        examples: the rows from top to bottom, at least one.
        names: class names [K].
        colors: class colors RGB uint8 [K,3].
        path: the PNG to write.
        title: title of the figure.
    """
    sizes = [_shown_size(example.ground_truth, len(examples)) for example in examples]
    column = max(width for _, width in sizes) + GAP
    labels = [_label(example) for example in examples]
    left = round(DPI * max(text_width(line, 8) for text in labels for line in text.split("\n")))
    left += 2 * GAP
    width = max(left + 3 * column, MIN_WIDTH)
    entries = _legend_entries(examples, names, colors)
    longest = max(text_width(str(entry.get_label()), 8) for entry in entries)
    legend_columns = max(1, int(width / DPI / (longest + 0.5)))
    heading = fit_title(title, width / DPI)
    top = LINE * (heading.count("\n") + 2) + GAP
    bottom = LINE * math.ceil(len(entries) / legend_columns) + GAP
    height = top + sum(max(rows, LABEL_HEIGHT) + GAP for rows, _ in sizes) + bottom

    figure = Figure((width / DPI, height / DPI), dpi=DPI)
    figure.suptitle(heading, y=1 - GAP / height, **TITLE)
    for index, header in enumerate(("image", "ground truth", "prediction")):
        figure.text((left + index * column) / width, 1 - (top - 6) / height, header)
    y = height - top
    for example, label, size in zip(examples, labels, sizes, strict=True):
        figure.text(GAP / width, y / height, label, va="top")
        for index, picture in enumerate(_pictures(example, colors, *size)):
            figure.figimage(picture, left + index * column, y - size[0], origin="upper")
        y -= max(size[0], LABEL_HEIGHT) + GAP
    figure.legend(handles=entries, loc="lower center", ncols=legend_columns)
    save_figure(figure, path)


def _shown_size(mask: np.ndarray, examples: int) -> tuple[int, int]:
    """Displayed height and width in pixels, limited by the row and by the size of the file."""
    height, width = mask.shape
    longest, area = max(height, width), MAX_TOTAL_PIXELS / examples
    scale = min(1, LONGEST_SIDE / longest, math.sqrt(area / (height * width)))
    if scale == 1:
        scale = LONGEST_SIDE // longest
    return max(1, round(scale * height)), max(1, round(scale * width))


def _legend_entries(
    examples: Sequence[Example], names: Sequence[str], colors: np.ndarray
) -> list[Patch]:
    masks = [mask for example in examples for mask in (example.ground_truth, example.prediction)]
    occurring = np.unique(np.concatenate([np.unique(mask) for mask in masks]))
    entries = [
        Patch(
            facecolor=f"#{bytes(colors[k]).hex()}",
            edgecolor=EDGE,
            linewidth=0.5,
            label=shortened(names[k], MAX_NAME),
        )
        for k in occurring
        if k != IGNORE
    ]
    if IGNORE in occurring:
        light, dark = (f"#{bytes(color).hex()}" for color in (IGNORED_COLOR, HATCH_COLOR))
        entries.append(Patch(facecolor=light, edgecolor=dark, hatch="/////", label="ignored"))
    return entries


def _label(example: Example) -> str:
    name = example.name if len(example.name) <= 39 else f"{example.name[:38]}…"
    score = "undefined" if math.isnan(example.iou) else f"{100 * example.iou:.1f} %"
    return f"{textwrap.fill(name, 13)}\nIoU {score}"


def _pictures(example: Example, colors: np.ndarray, height: int, width: int) -> list[np.ndarray]:
    shrink = height < example.image.shape[0]
    image = cv2.resize(
        np.ascontiguousarray(example.image),
        (width, height),
        interpolation=cv2.INTER_AREA if shrink else cv2.INTER_NEAREST_EXACT,
    )
    # 32 shades per channel look the same and halve the file.
    image = np.round(np.round(image / 255 * 31) / 31 * 255).astype(np.uint8)
    masks = (example.ground_truth, example.prediction)
    return [image, *(_paint(mask, colors, height, width) for mask in masks)]


def _paint(mask: np.ndarray, colors: np.ndarray, height: int, width: int) -> np.ndarray:
    """Class colors uint8 [height,width,3] with ignored pixels hatched and regions outlined."""
    size = (width, height)
    mask = cv2.resize(np.ascontiguousarray(mask), size, interpolation=cv2.INTER_NEAREST_EXACT)
    picture = color_mask(mask, colors)
    diagonal = np.add.outer(np.arange(height), np.arange(width)) % 8 < 2
    picture[(mask == IGNORE) & diagonal] = HATCH_COLOR
    border = np.zeros(mask.shape, bool)
    border[:, 1:] |= mask[:, 1:] != mask[:, :-1]
    border[1:] |= mask[1:] != mask[:-1]
    picture[border] = OUTLINE_COLOR
    return picture
