"""Grid of pictures with a label per row, a header per column and legends of colors."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from clothseg.error import shortened
from clothseg.report.canvas import (
    DPI,
    TITLE,
    fit_title,
    report_style,
    save_figure,
    text_width,
)

# Lengths in pixels of the PNG.
MIN_WIDTH = 600
GAP = 12
LINE = 21
HEADER = 26

MIN_COLUMN = 120
"""Smallest width of a column, which its texts need, pixels."""
MAX_LABEL = 39
"""Longest label of a row, characters."""
MAX_HEADER = 150
"""Longest header of a column, characters."""
NO_BREAK = "\u00a0"
"""Space at which a text is not broken."""
FONT_SIZE = 8
CAPTION_SIZE = 7
"""Sizes of text in points."""


@dataclass(frozen=True)
class Row:
    """Pictures side by side.

    Args:
        label: name of the row, left of the pictures.
        pictures: RGB uint8 [H,W,3] in the size at which they are shown.
        captions: text below each picture, one or more lines.
        heading: text above the row, which begins a section; empty for none.
    """

    label: str
    pictures: Sequence[np.ndarray]
    captions: Sequence[str]
    heading: str = ""


@report_style
def draw_grid(
    rows: Sequence[Row],
    headers: Sequence[str],
    legends: Mapping[str, Sequence[Patch]],
    path: Path,
    title: str,
) -> None:
    """Draw rows of pictures, pixel by pixel.

    Args:
        rows: the rows from top to bottom, at least one.
        headers: text above each column.
        legends: entries of each legend below the rows, by the text left of it; empty for none.
        path: the PNG to write.
        title: title of the figure.
    """
    columns = _column_widths(rows, len(headers))
    labels = [_wrapped_label(row.label) for row in rows]
    left = 2 * GAP + _pixels(labels, FONT_SIZE)
    width = max(left + sum(columns), MIN_WIDTH)
    captions = [list(map(_wrapped, row.captions, columns)) for row in rows]
    short = [shortened(header, MAX_HEADER) for header in headers]
    shown_headers = list(map(_wrapped, short, columns))
    heights = list(map(_row_height, rows, labels, captions))
    heading = fit_title(title, width / DPI)
    header_lines = max(_lines(header) for header in shown_headers)
    top = HEADER * (_lines(heading) + 1) + LINE * header_lines
    starting = {name: left if name else 0 for name in legends}
    sizes = {name: _legend_size(legends[name], width - starting[name]) for name in legends}
    height = top + sum(heights) + sum(used for _, used in sizes.values())

    figure = Figure((width / DPI, height / DPI), dpi=DPI)
    figure.suptitle(heading, y=1 - GAP / height, **TITLE)
    starts = [left + sum(columns[:index]) for index in range(len(columns))]
    for start, header in zip(starts, shown_headers, strict=True):
        figure.text(start / width, 1 - (top - 6) / height, header, va="bottom")
    y = height - top
    for row, label, below, used in zip(rows, labels, captions, heights, strict=True):
        upper = y
        if row.heading:
            upper -= HEADER
            place = (GAP / width, (upper + 7) / height)
            figure.text(*place, row.heading, va="bottom", fontweight="bold")
        figure.text(GAP / width, upper / height, label, va="top")
        for start, picture, caption in zip(starts, row.pictures, below, strict=True):
            bottom = upper - picture.shape[0]
            figure.figimage(picture, start, bottom, origin="upper")
            place = (start / width, (bottom - 4) / height)
            figure.text(*place, caption, va="top", fontsize=CAPTION_SIZE)
        y -= used
    for name, entries in legends.items():
        columns_of_legend, used = sizes[name]
        y -= used
        figure.text(GAP / width, (y + used - 5) / height, name, va="top", fontweight="bold")
        figure.legend(
            handles=entries,
            loc="lower left" if name else "lower center",
            bbox_to_anchor=(starting[name] / width if name else 0.5, y / height),
            ncols=columns_of_legend,
        )
    save_figure(figure, path)


def _column_widths(rows: Sequence[Row], count: int) -> list[int]:
    """Width of each column with its gap, pixels."""
    widest = [max(row.pictures[index].shape[1] for row in rows) for index in range(count)]
    return [max(width, MIN_COLUMN) + GAP for width in widest]


def _row_height(row: Row, label: str, captions: Sequence[str]) -> int:
    """Height of a row with its heading, its texts and its gap, pixels."""
    tallest: int = max(picture.shape[0] for picture in row.pictures)
    below = LINE * max(_lines(caption) for caption in captions)
    return max(tallest + below, LINE * _lines(label)) + GAP + (HEADER if row.heading else 0)


def _legend_size(entries: Sequence[Patch], width: int) -> tuple[int, int]:
    """Number of columns of a legend, and its height in pixels."""
    if not entries:
        return 1, 0
    longest = max(text_width(str(entry.get_label()), FONT_SIZE) for entry in entries)
    columns = max(1, int(width / DPI / (longest + 0.5)))
    return columns, 25 * math.ceil(len(entries) / columns) + GAP


def _wrapped_label(label: str) -> str:
    short = label if len(label) <= MAX_LABEL else f"{label[: MAX_LABEL - 1]}…"
    return textwrap.fill(short, 13)


def _wrapped(text: str, width: int) -> str:
    """Break the lines of a text so that they fit a column of this width in pixels."""
    characters = max(8, int((width - GAP) / DPI / text_width("n", FONT_SIZE)))
    lines = [textwrap.fill(line, characters) for line in text.split("\n")]
    return "\n".join(lines).replace(NO_BREAK, " ")


def _lines(text: str) -> int:
    """Number of lines of a text, 0 for an empty one."""
    return text.count("\n") + 1 if text else 0


def _pixels(texts: Sequence[str], size: float) -> int:
    """Width of the longest line, pixels."""
    return round(DPI * max(text_width(line, size) for text in texts for line in text.split("\n")))
