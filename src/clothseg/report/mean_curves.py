"""Curves of several runs over their epochs as a mean and a standard deviation."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clothseg.metric.names import EPOCH_SCORES, Score

History = Sequence[Mapping[str, float]]
"""Epochs of a run, as in `history.csv`."""


@dataclass(frozen=True)
class MeanCurve:
    """Mean of a value over runs, at every epoch that at least half of the runs have reached.

    Args:
        epochs: numbers of the epochs, int64 [E].
        mean: mean over the runs in which it is defined, float64 [E].
        std: standard deviation with n - 1 in the denominator, float64 [E]; NaN for one run.
        runs: number of runs.
    """

    epochs: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    runs: int

    @property
    def low(self) -> np.ndarray:
        """Lower edge of the band, float64 [E]; the mean where there is no deviation."""
        return np.asarray(self.mean - np.nan_to_num(self.std))

    @property
    def high(self) -> np.ndarray:
        """Upper edge of the band, float64 [E]; the mean where there is no deviation."""
        return np.asarray(self.mean + np.nan_to_num(self.std))


def mean_curve(histories: Sequence[Sequence[Mapping[str, float]]], key: str) -> MeanCurve | None:
    """Average a value of every epoch over runs; fractions become percent.

    Runs may end at different epochs. The mean jumps where one of them ends, so that it ends itself
    where fewer than half are left.

    Args:
        histories: the epochs of each run.
        key: column of a history, such as `val/mean_iou`.

    Returns:
        None if no run has the value.
    """
    scale = factor(EPOCH_SCORES[key.partition("/")[2]])
    longest = max(map(len, histories), default=0)
    values = np.full((len(histories), longest), np.nan)
    for row, history in zip(values, histories, strict=True):
        found = [scale * epoch.get(key, math.nan) for epoch in history]
        row[: len(found)] = np.where(np.isfinite(found), found, np.nan)
    defined = ~np.isnan(values)
    count = defined.sum(0)
    if not count.any():
        return None
    shown = np.flatnonzero((count > 0) & (2 * count >= defined.any(1).sum()))
    columns = [values[defined[:, epoch], epoch] for epoch in shown]
    mean = np.array([column.mean() for column in columns])
    std = np.array([column.std(ddof=1) if len(column) > 1 else math.nan for column in columns])
    return MeanCurve(shown + 1, mean, std, len(histories))


def factor(score: Score) -> int:
    """Return the factor by which values of a score are multiplied in figures: 100 or 1."""
    return 100 if score.fraction else 1
