"""Table of the trials of a search."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from clothseg.metric.names import Score
from clothseg.report.tables import new_table

SHOWN = 20
"""Most trials in the table; a file has all of them."""


def search_table(rows: Sequence[Mapping[str, Any]], score: Score, best: int | None) -> Table:
    """Table of trials, from the best to the worst.

    Args:
        rows: `trial`, `result`, `folds`, `value`, and the searched keys of each trial.
        score: the score of the value.
        best: number of the best trial; None if there is none.
    """
    unit = "percent, " if score.fraction else ""
    hidden = f"; {len(rows) - SHOWN:,} more in trials.csv" if len(rows) > SHOWN else ""
    table = new_table("trials of the search", f"{unit}mean over the folds of each{hidden}")
    keys = [key for key in rows[0] if key not in ("trial", "result", "folds", "value", "reason")]
    table.add_column("trial", justify="right")
    table.add_column(f"validation {score.title}", justify="right")
    table.add_column("folds", justify="right")
    table.add_column("result")
    for key in keys:
        table.add_column(Text(key), overflow="fold")
    for row in rows[:SHOWN]:
        style = "bold" if row["trial"] == best else "red" if row["result"] == "failed" else ""
        cells = [row["trial"], shown_score(row["value"], score), row["folds"], row["result"]]
        table.add_row(*(Text(str(cell)) for cell in [*cells, *map(row.get, keys)]), style=style)
    return table


def shown_score(value: float | None, score: Score) -> str:
    """Format a value of a score for a table or a sentence; a dash if there is none."""
    if value is None:
        return "-"
    return f"{100 * value:.2f}" if score.fraction else f"{value:.4f}"
