"""Value of a cell in the metrics of a run, and its mean and standard deviation over repetitions."""

from collections.abc import Mapping
from typing import Any

from clothseg.config.table.cell import Source
from clothseg.metric.aggregate import mean_and_std
from clothseg.metric.names import APR, IOU
from clothseg.metric.scorecard import card_score
from clothseg.run.demand import Repeats

Summary = Mapping[str, float | None]
"""`mean`, `std` and `n` of a value over repetitions; None if undefined."""


def cell_value(metrics: Mapping[str, Any], source: Source) -> float | None:
    """Look up the value of a cell, unscaled; None if the run lacks it, or if it is undefined.

    Args:
        metrics: content of `metrics.json`.
        source: complete description of the cell.
    """
    score, test = source.scored, metrics["test"]
    if score is None:
        return _number(metrics.get(str(source.measurement)))
    if source.own_epoch:
        return _number(metrics.get("best_epochs", {}).get(source.monitor, {}).get("value"))
    if source.characteristic:
        return _characteristic(test.get("parsing", {}), source)
    if source.class_name is not None and score is APR:
        return _number(_levels(test.get("parsing", {}).get(APR.key)).get(source.class_name))
    return _number(card_score(test, score, source.class_name))


def summarize(repeats: Repeats, source: Source) -> Summary:
    """Compute mean and standard deviation over repetitions of the mean value of their runs."""
    return mean_and_std(
        mean_and_std(cell_value(run.metrics, source) for run in group)["mean"] for group in repeats
    )


def _characteristic(parsing: Mapping[str, Any], source: Source) -> float | None:
    """Value of a characteristic: AP^cr in place of AP^r, and the IoU of its map."""
    kind, name = str(source.characteristic), source.class_name
    if source.score == APR.key:
        levels = parsing.get("apcr", {}).get(kind) or {}
        return _number(levels.get("vol") if name is None else _levels(levels).get(name))
    pixels = parsing.get("characteristics", {}).get(kind) or {}
    return _number(pixels.get("miou") if name is None else pixels.get(IOU.key, {}).get(name))


def _levels(levels: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Average precision of each class."""
    classes: Mapping[str, Any] = (levels or {}).get("per_class", {})
    return classes


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
