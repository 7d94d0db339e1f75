"""Results of runs as plain rows, one per run or one per class of a run.

This module imports neither torch nor pandas.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

from clothseg.error import ConfigError
from clothseg.metric.doubt import doubts
from clothseg.metric.names import SCORES
from clothseg.metric.scorecard import overall_scores, parsing_scores
from clothseg.metric.selection import validation_score
from clothseg.run.differences import Keys, settings
from clothseg.run.finished import FinishedRun

Part = Literal["test", "validation"]
Row = dict[str, Any]

TIMES = ("train_seconds", "validation_seconds", "images_per_second", "inference_ms")
"""Measurements of a run."""
COUNTS = ("fold", "best_epoch", "epochs", "parameters")
"""Columns of whole numbers that may be missing."""
CLASS_KEYS = tuple(score.key for score in SCORES if score.per_class)
"""Keys of the scores of a class."""
ORDER = {name: number for number, name in enumerate(score.name for score in SCORES)}
"""Places of the columns of scores of a part; others follow."""


def result_rows(
    runs: Sequence[FinishedRun],
    part: Part,
    per_class: bool,
    keys: Keys,
    left_out: Callable[[str], None],
) -> list[Row]:
    """Build one row for each run, or one for each class of each run.

    Args:
        runs: the runs.
        part: part of the split that was scored.
        per_class: build the rows of classes.
        keys: columns of the configuration, see :func:`clothseg.run.differences.settings`.
        left_out: takes the reason, in words, why a run is left out: it has no such part.

    Returns:
        Rows with the columns that :func:`clothseg.results` describes. Scores and times that are
        undefined or missing are NaN, other missing values None.

    Raises:
        ConfigError: `part` or `keys` has another value.
    """
    problems = [
        f"{name}={value}: must be {' or '.join(get_args(allowed))}"
        for name, value, allowed in (("part", part, Part), ("keys", keys, Keys))
        if value not in get_args(allowed)
    ]
    if problems:
        raise ConfigError(problems)
    scored = [run for run in runs if part in run.metrics]
    for run in runs:
        if part not in run.metrics:
            left_out(f"{run.folder} has no {part} scores; an earlier version trained it")
    cards = [run.metrics[part] for run in scored]
    tables = [_classes(card) if per_class else [_totals(card)] for card in cards]
    names = dict.fromkeys(name for table in tables for scores in table for name in scores)
    columns = names if per_class else sorted(names, key=lambda name: ORDER.get(name, len(ORDER)))
    return [
        _identity(run, chosen, part)
        | {name: scores.get(name, math.nan) for name in columns}
        | _measurements(run, part)
        for run, chosen, table in zip(scored, settings(scored, keys), tables, strict=True)
        for scores in table
    ]


def _identity(run: FinishedRun, chosen: Row, part: Part) -> Row:
    own = {
        "run": str(run.folder),
        "configuration": str(run.configuration),
        "fold": run.fold,
        "seed": run.seed,
    }
    # A record, which may be a stranger's, can name its options as it likes.
    return own | chosen | own | {"part": part, "num_images": run.metrics[part]["num_images"]}


def _totals(card: Mapping[str, Any]) -> Row:
    """Scores of a part that are not those of a class, by name such as `mean_iou`."""
    scores = overall_scores(card) | parsing_scores(card)
    return {name: _number(value) for name, value in scores.items()}


def _classes(card: Mapping[str, Any]) -> list[Row]:
    """Scores of each class by key such as `iou`."""
    return [
        {"class_id": row["id"], "class_name": row["name"], "support": row["support"]}
        | {key: _number(row[key]) for key in CLASS_KEYS if key in row}
        for row in card["per_class"]
    ]


def _measurements(run: FinishedRun, part: Part) -> Row:
    metrics, environment = run.metrics, run.environment
    monitor = metrics.get("monitor")
    score = None if monitor is None else validation_score(metrics, monitor)
    return {
        "suspect": "; ".join(doubts(metrics[part])),
        "monitor": monitor,
        "validation_score": _number(score),
        **{name: metrics.get(name) for name in ("best_epoch", "epochs", "parameters")},
        **{name: _number(metrics.get(name)) for name in TIMES},
        "device": environment.get("device"),
        "commit": environment["commit"],
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
