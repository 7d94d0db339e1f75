"""Reasons to doubt that scores mean anything."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def doubts(card: Mapping[str, Any]) -> list[str]:
    """Find reasons why the scores of a card are suspect.

    A network that predicts one class everywhere has an accuracy of 70 % and more on most datasets,
    and a ground truth with one class makes every score high.

    Args:
        card: a scorecard.

    Returns:
        One clause each; empty without reasons, and for a card without a confusion matrix.
    """
    names = [row["name"] for row in card["per_class"]]
    if "confusion_matrix" not in card or len(names) < 2:
        return []
    matrix = np.array(card["confusion_matrix"])
    reasons = []
    for axis, happens in ((1, "occurs in the ground truth"), (0, "is predicted")):
        (found,) = np.nonzero(matrix.sum(axis))
        if len(found) == 1:
            reasons.append(f"only {names[found[0]]} {happens}")
    return reasons
