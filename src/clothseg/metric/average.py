"""Means that exclude undefined (NaN) scores; needs only NumPy, so that it imports quickly."""

import math
from typing import Literal

import numpy as np

AbsenceRule = Literal["union", "gt", "one"]
"""Treatment of images without a class in the mean of that class."""


def nan_mean(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Compute the mean over the defined values, float64; NaN if all are undefined."""
    defined = ~np.isnan(values)
    total = np.where(defined, values, 0.0).sum(axis)
    count = defined.sum(axis)
    return ratio(total, count)


def ratio(
    numerator: np.ndarray, denominator: np.ndarray, undefined: float = math.nan
) -> np.ndarray:
    """Divide elementwise, float64; `undefined` where the denominator is 0."""
    quotient = np.full(np.shape(denominator), undefined)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient


def image_mean(rows: np.ndarray, in_target: np.ndarray, rule: AbsenceRule = "union") -> np.ndarray:
    """Average a per-image class score over images.

    Args:
        rows: score of each image and class [N,K], NaN if the class is in neither mask.
        in_target: True if the ground truth of an image has the class, bool [N,K].
        rule: treatment of images without the class: `union` excludes an image if the class is in
            neither mask, `gt` if it is not in the ground truth; `one` scores an image 1 if the
            class is in neither mask.

    Returns:
        Score of each class [K], float64; NaN for a class excluded from all images.

    Source: dang2020, Eq. 9 and 13, which do not define 0/0. Their tables rule out 0 (scores of rare
        classes exceed the fraction of images with the class) and 1 (scores are below the fraction
        of images without it).
    """
    match rule:
        case "union":
            return nan_mean(rows, axis=0)
        case "gt":
            return nan_mean(np.where(in_target, rows, np.nan), axis=0)
        case "one":
            return nan_mean(np.where(np.isnan(rows), 1.0, rows), axis=0)
        case _:
            raise ValueError(f"rule {rule!r} is not one of union, gt, one")
