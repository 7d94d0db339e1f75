"""Scores and measurements of runs by the keys of a W&B summary.

The keys of a fold and those of the mean over all folds are the same, so that both fill one column.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from clothseg.logger.tracker import Results, Row
from clothseg.logger.wandb_keys import DEVIATION, SCORE
from clothseg.metric.names import MONITORS, VALIDATION_LOSS
from clothseg.metric.scorecard import flat_scores
from clothseg.metric.selection import mean_score, rank

MEASUREMENTS = ("best_epoch", "train_seconds", "images_per_second", "parameters", "inference_ms")


def run_summary(results: Results, rows: Sequence[Row]) -> dict[str, Any]:
    """Collect the summary of a finished run.

    Args:
        results: its results.
        rows: its epochs.
    """
    metrics = results.metrics
    scores: dict[str, Any] = _flat_scores(metrics)
    if best_epoch := metrics.get("best_epoch"):
        scores |= best_scores(rows, best_epoch)
    scores |= {key: metrics[key] for key in MEASUREMENTS if key in metrics}
    return scores | _score(mean_score([metrics]))


def fold_summary(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Collect the summary of a complete cross-validation: means, and their deviations.

    Args:
        summary: as in :meth:`clothseg.logger.tracker.Tracker.summarize`.
    """
    parts = {"test": summary, **{k: v for k, v in summary.items() if k == "validation"}}
    return _flat_scores(parts) | {"folds": summary["folds"]} | _score(summary["score"])


def class_means(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Flatten the classes of a summary: mean of a score as `iou`, deviation as `iou_std`."""
    return [
        {name: value for key, cell in row.items() for name, value in _cells(key, cell).items()}
        for row in rows
    ]


def best_so_far(rows: Sequence[Row], monitor: str) -> dict[str, float | None]:
    """Validation metrics of the best of the epochs that have been finished.

    Args:
        rows: all epochs so far.
        monitor: metric that selects the best; none is best while an epoch lacks it.
    """
    if monitor not in MONITORS or not all({monitor, VALIDATION_LOSS} <= row.keys() for row in rows):
        return {}
    best = max(range(len(rows)), key=lambda number: rank(rows[number], monitor))
    return best_scores(rows, best + 1)


def best_scores(rows: Sequence[Row], best_epoch: int) -> dict[str, float | None]:
    """Validation metrics of the best epoch, in place of those of the last epoch.

    A score that is undefined at the best epoch is None if another epoch has logged it.
    """
    if not 1 <= best_epoch <= len(rows):
        return {}
    best = rows[best_epoch - 1]
    logged = {key for row in rows for key, value in row.items() if math.isfinite(value)}
    return {
        key: value if math.isfinite(value) else None
        for key, value in best.items()
        if key.startswith("val/") and key in logged
    }


def _flat_scores(parts: Mapping[str, Any]) -> dict[str, float]:
    """Flatten the scores of the parts of one run, or of the folds of one configuration.

    The keys are such as `test/mean_iou` and `val/iou/<class>`. For folds these are means, and
    `test/mean_iou/std` is a deviation.

    Args:
        parts: scorecards of `test` and, unless an earlier version trained the run, `validation`.
    """
    scores = flat_scores(parts["test"], "test")
    if "validation" in parts:
        scores |= flat_scores(parts["validation"], "val")
    flat: dict[str, float] = {}
    for key, value in scores.items():
        if isinstance(value, Mapping):
            flat |= {key: value["mean"], key + DEVIATION: value["std"]}
        else:
            flat[key] = value
    return {key: number for key, number in flat.items() if number is not None}


def _cells(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {key: value}
    return {key: value["mean"], f"{key}_std": value["std"]}


def _score(value: float | None) -> dict[str, float]:
    """Score that a W&B sweep optimizes; missing if undefined."""
    return {} if value is None else {SCORE: value}
