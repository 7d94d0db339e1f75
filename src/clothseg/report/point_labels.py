"""Labels of points and bars in a panel, beside them and apart from each other."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from clothseg.report.canvas import GRAY

LABEL_SIZE = 7.5
"""Size of the labels in points."""
MARGIN = 5
"""Half of the height of a point, and space around a label, pixels."""

PLACES = (
    (7, 0, "left", "center"), (0, 7, "center", "bottom"), (0, -7, "center", "top"),
    (-7, 0, "right", "center"), (6, 7, "left", "bottom"), (6, -7, "left", "top"),
    (-6, 7, "right", "bottom"), (-6, -7, "right", "top"),
)  # fmt: skip
"""Places of a label around its point, best first: offset in points, and alignment."""
FAR_PLACES = tuple(
    (scale * right, scale * up, side, vertical)
    for scale in (1, 2, 3, 4)
    for right, up, side, vertical in (
        (0, 26, "center", "bottom"), (0, -26, "center", "top"), (18, 22, "left", "bottom"),
        (18, -22, "left", "top"), (-18, 22, "right", "bottom"), (-18, -22, "right", "top"),
    )
)  # fmt: skip
"""Places from which a line leads to the point, for crowded figures."""


def place_label(
    axes: Axes, text: str, line: np.ndarray, marks: Sequence[Bbox], written: Sequence[Bbox]
) -> Annotation:
    """Write a text at the first free place around a bar, or else on it.

    Args:
        axes: the panel.
        text: the text.
        line: both ends of the bar, pixels [2,2].
        marks: boxes of all bars, its own one first; no other one may be as near to the text.
        written: boxes of the other texts.
    """
    ends = {"left": line[1], "center": line.mean(0), "right": line[0]}
    for right, up, side, vertical in (*PLACES, *FAR_PLACES):
        far = (right, up, side, vertical) in FAR_PLACES
        label = axes.annotate(
            text,
            ends[side],
            (right, up),
            xycoords="figure pixels",
            textcoords="offset points",
            ha=side,
            va=vertical,
            fontsize=LABEL_SIZE,
            linespacing=1.1,
            arrowprops={"arrowstyle": "-", "color": GRAY, "linewidth": 0.6} if far else None,
        )
        box = text_box(label)
        own, *others = (_gap(box, mark) for mark in marks)
        alone = min(others, default=math.inf) > (0 if far else own + MARGIN)
        inside = axes.bbox.count_contains([box.min, box.max]) == 2
        if inside and alone and not box.count_overlaps(written):
            return label
        label.remove()
    return axes.annotate(text, line[1], xycoords="figure pixels", fontsize=LABEL_SIZE)


def text_box(label: Annotation) -> Bbox:
    """Box of a label without its line, pixels."""
    label.get_window_extent()  # moves the text to its place
    return Text.get_window_extent(label)


def _gap(a: Bbox, b: Bbox) -> float:
    """Distance between two boxes, pixels; 0 if they overlap."""
    across = max(a.x0 - b.x1, b.x0 - a.x1, 0)
    return math.hypot(across, max(a.y0 - b.y1, b.y0 - a.y1, 0))
