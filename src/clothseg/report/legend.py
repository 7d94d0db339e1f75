"""Entries of a legend of classes."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.patches import Patch

from clothseg.error import shortened
from clothseg.labels import IGNORE
from clothseg.report.canvas import MAX_NAME
from clothseg.report.masks import HATCH_COLOR, IGNORED_COLOR

EDGE = "#808080"


def occurring_values(masks: Iterable[np.ndarray]) -> np.ndarray:
    """Find the values of masks uint8 [H,W], bool [256]."""
    occurring = np.zeros(256, bool)
    for mask in masks:
        occurring[np.unique(mask)] = True
    return occurring


def class_entries(
    occurring: np.ndarray, names: Sequence[str], colors: Sequence[str]
) -> list[Patch]:
    """Create an entry for each class that occurs but the background, class 0.

    Args:
        occurring: values that occur, bool [256].
        names: class names [K].
        colors: one `#rrggbb` per class [K].
    """
    return [
        Patch(
            facecolor=colors[k],
            edgecolor=EDGE,
            linewidth=0.5,
            label=shortened(names[k], MAX_NAME),
        )
        for k in map(int, np.flatnonzero(occurring))
        if k not in (0, IGNORE)
    ]


def ignored_entry() -> Patch:
    """Create the entry of ignored pixels, which are hatched."""
    light, dark = (f"#{bytes(color).hex()}" for color in (IGNORED_COLOR, HATCH_COLOR))
    return Patch(facecolor=light, edgecolor=dark, hatch="/////", label="ignored")
