"""Confusion matrices as small pictures, and their largest entries in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clothseg.report.page.pictures import palette_png

TINT = (31, 111, 201)
"""Color of the pixels of a matrix, whose opacity is the square root of the fraction."""
MAX_NUMBERED = 15
"""Largest number of classes whose cells show their percentage."""
CELLS = ((MAX_NUMBERED, 26), (30, 15), (10**6, 8))
"""Size of a cell in pixels by the largest number of classes for it."""
LONGEST_NAME = 20
"""Longest name of a class beside a matrix, characters."""
NUM_CONFUSIONS = 5
"""Number of the largest confusions that are listed."""
SMALLEST = 0.01
"""Smallest fraction of the pixels of a class that is a confusion."""


@dataclass(frozen=True)
class Confusion:
    """Class that is taken for another.

    Args:
        true: id of the class.
        predicted: id of the other.
        fraction: fraction of its pixels, 0 to 1.
    """

    true: int
    predicted: int
    fraction: float


def cell_size(classes: int) -> int:
    """Return the size of a cell in pixels."""
    return next(size for limit, size in CELLS if classes <= limit)


def label_room(names: Sequence[str]) -> int:
    """Return the room for the names of classes left of a matrix and above it, pixels."""
    width = 0.62 * min(cell_size(len(names)), 12)  # of a character
    return round(width * min(LONGEST_NAME, max(map(len, names)))) + 14


def row_fractions(matrix: np.ndarray) -> np.ndarray:
    """Normalize the rows of a matrix [K,K]; a row of a class without pixels is 0."""
    return np.asarray(matrix / np.maximum(matrix.sum(1, keepdims=True), 1))


def matrix_picture(matrix: np.ndarray) -> str:
    """Draw a matrix with one pixel per cell, as a data URI.

    Its opacity a of 255 stands for a fraction of (a / 255)^2, so that small ones stay visible.

    Args:
        matrix: pixel counts int64 [K,K]; rows are the ground truth.
    """
    opacity = np.round(255 * np.sqrt(row_fractions(matrix))).astype(np.uint8)
    values, indices = np.unique(opacity, return_inverse=True)
    palette = np.array([(*TINT, value) for value in values], np.uint8)
    return palette_png(indices.reshape(opacity.shape).astype(np.uint8), palette)


def numbered_cells(matrix: np.ndarray) -> list[tuple[int, int, int]]:
    """Return row, column and rounded percentage of the cells that show a number."""
    if len(matrix) > MAX_NUMBERED:
        return []
    percent = 100 * row_fractions(matrix)
    return [(int(i), int(j), round(percent[i, j])) for i, j in np.argwhere(percent >= 1)]


def largest_confusions(matrix: np.ndarray) -> Sequence[Confusion]:
    """Find the classes of which the largest fractions are taken for another class."""
    fractions = row_fractions(matrix)
    np.fill_diagonal(fractions, 0)
    order = np.argsort(-fractions, axis=None, kind="stable")[:NUM_CONFUSIONS]
    places = [divmod(int(place), len(matrix)) for place in order]
    found = [Confusion(true, predicted, fractions[true, predicted]) for true, predicted in places]
    return [one for one in found if one.fraction >= SMALLEST]
