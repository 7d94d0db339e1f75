"""Means that leave undefined (NaN) scores out; numpy only, so that reading scores stays cheap."""

from typing import Literal

import numpy as np

AbsenceRule = Literal["union", "gt", "one"]
"""What an image that lacks a class counts in the mean of that class."""


def nan_mean(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Mean over the defined values, float64; NaN where there is none."""
    counted = ~np.isnan(values)
    total = np.where(counted, values, 0.0).sum(axis)
    number = counted.sum(axis)
    return np.divide(total, number, out=np.full(np.shape(total), np.nan), where=number > 0)


def image_mean(rows: np.ndarray, in_target: np.ndarray, rule: AbsenceRule = "union") -> np.ndarray:
    """Mean over images of a score that each image has per class.

    Args:
        rows: score of each image and class [N,K], NaN where the class is in neither mask.
        in_target: whether the truth of an image has the class, bool [N,K].
        rule: what an image without the class counts: `union` leaves it out when prediction and
            truth agree on that, `gt` leaves it out always, `one` gives it 1 when they agree.

    Returns:
        Score of each class [K], float64, NaN for a class that no image counts for.

    Source: dang2020, Eq. 9 and 13, which do not say what 0/0 is. Their tables rule out 0 (rare
        classes score more than they are frequent) and 1 (they score less than they are absent).
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
