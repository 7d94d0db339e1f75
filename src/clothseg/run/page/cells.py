"""Settings and measurements of runs in words."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from clothseg.metric.names import ACCURACY, APP, APR, F1, IOU
from clothseg.report.page.content import RunTable
from clothseg.run.configurations import Configurations
from clothseg.run.differences import settings
from clothseg.run.finished import FinishedRun
from clothseg.run.rows import result_rows

SCORES = {score.name: score.heading for score in (ACCURACY, F1, IOU, APR, APP)}
"""Scores in percent."""
COLUMNS = {
    "fold": "fold",
    "seed": "seed",
    **SCORES,
    "best_epoch": "best epoch",
    "epochs": "epochs",
    "train_seconds": "training, s",
    "device": "device",
    "commit": "commit",
    "suspect": "suspect",
    "run": "folder",
}
"""Columns of the table of runs, and their headings."""


def shared_and_differing(
    runs: Sequence[FinishedRun],
) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Divide the settings of configurations into those that all share, and those that differ."""
    chosen = settings(runs, "differing")
    shared = {key for key in chosen[0] if len({_word(one[key]) for one in chosen}) == 1}
    common = {key: _word(chosen[0][key]) for key in chosen[0] if key in shared}
    return common, [{k: _word(v) for k, v in one.items() if k not in shared} for one in chosen]


def short_labels(names: Sequence[str], chosen: Sequence[Mapping[str, str]]) -> list[str]:
    """Join the values of chosen settings; configurations that share them keep their names."""
    joined = [" · ".join(value or "-" for value in one.values()) for one in chosen]
    counts = Counter(joined)
    return [
        label if label and counts[label] == 1 else name
        for name, label in zip(names, joined, strict=True)
    ]


def run_table(found: Configurations, labels: Mapping[str, str]) -> RunTable:
    """Build the table of all runs, with the label of each configuration by its name."""
    numbers = {
        run.folder: number for number, name in enumerate(found.repeats) for run in found.runs(name)
    }
    runs = [run for name in found.repeats for run in found.runs(name)]
    rows = result_rows(runs, "test", False, "differing", lambda _: None)
    names = [labels[name] for name in found.repeats]
    columns = [key for key in COLUMNS if any(_word(row.get(key)) for row in rows)]
    return RunTable(
        ["configuration", *(COLUMNS[key] for key in columns)],
        [
            [names[numbers[run.folder]], *(_cell(key, row.get(key)) for key in columns)]
            for run, row in zip(runs, rows, strict=True)
        ],
        [numbers[run.folder] for run in runs],
    )


def _cell(key: str, value: Any) -> str:
    if key in SCORES and isinstance(value, float) and not math.isnan(value):
        return f"{100 * value:.1f}"
    if key == "commit" and value:
        return str(value)[:10]
    return _word(value)


def _word(value: Any) -> str:
    """Write a value of a configuration or a measurement; empty if it is missing or undefined."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)
