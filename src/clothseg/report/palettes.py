"""Colors of people, and of values that have none in a label space, such as sizes."""

import itertools
from collections.abc import Sequence

BACKGROUND = "#000000"

PEOPLE = (
    "#e6194b", "#3cb44b", "#4363d8", "#ffe119", "#911eb4", "#f58231", "#42d4f4", "#f032e6",
    "#bfef45", "#9a6324", "#469990", "#fabed4", "#000075", "#aaffc3", "#800000", "#dcbeff",
    "#808000", "#ffd8b1",
)  # fmt: skip
"""Colors of people by number from 1; they repeat after eighteen."""

NAMED = {
    "dark": "#303030", "medium": "#8a8a8a", "light": "#e8e8e8", "brown": "#8b5a2b",
    "red": "#e02020", "pink": "#ff8ec8", "yellow": "#ffe119", "orange": "#ff8c1a",
    "green": "#2ca02c", "blue": "#1f5fe0", "purple": "#8e24aa", "multicolor": "#00e0d0",
    "black": "#101010", "gray": "#8a8a8a", "grey": "#8a8a8a", "white": "#ffffff",
}  # fmt: skip
"""Colors of values whose name says which, in lower case."""

QUALITATIVE = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442",
)  # fmt: skip
"""Okabe and Ito's color-blind-safe palette without its black, for all other values."""


def value_colors(names: Sequence[str]) -> list[str]:
    """Choose a color for each value: that of its name, or the next one of a palette that repeats.

    Args:
        names: names of the values in id order [K]; the first means none.

    Returns:
        One `#rrggbb` per value [K].
    """
    others = itertools.cycle(QUALITATIVE)
    return [BACKGROUND, *(NAMED.get(name.lower()) or next(others) for name in names[1:])]
