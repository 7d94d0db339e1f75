"""Files about a sweep as a whole, in a folder beside its runs."""

from collections.abc import Mapping
from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothseg.files import csv_bytes, json_bytes, update_bytes
from clothseg.metric.aggregate import aggregate, flat_class
from clothseg.report.paper_table import csv_table, markdown_table
from clothseg.run.configurations import Configurations
from clothseg.run.differences import flat_keys
from clothseg.run.finished import FinishedRun
from clothseg.run.signature import is_irrelevant

if TYPE_CHECKING:
    from clothseg.run.comparison.tables import ComparedTables

COMPARISON = "comparison"
"""Name of the files of the comparison, before their endings."""


def write_comparison(folder: Path, tables: "ComparedTables") -> list[Path]:
    """Write the comparison of a sweep, for people and for programs.

    - `comparison.csv` and `comparison.md`: one row per configuration.
    - `comparison.html`: a page with all that the records have in common and all that differs.
    - `summary.json`: for each configuration what it is, and its scores over seeds or folds, as the
      `summary.json` of a cross-validation has them.
    - `per_class.csv`: one row per class of each configuration.

    Args:
        folder: folder of the sweep.
        tables: the compared configurations.

    Returns:
        The files that people read.

    Raises:
        WriteError: a file cannot be written.
    """
    from clothseg.report.page.rendering import render  # its libraries take a while to import
    from clothseg.run.page.pages import sweep_page

    table = tables.paper_table()
    summaries = _summaries(tables)
    rows = [
        {"config": one["name"]} | flat_class(row) for one in summaries for row in one["per_class"]
    ]
    contents = {
        f"{COMPARISON}.csv": csv_table(table),
        f"{COMPARISON}.md": markdown_table(table),
        f"{COMPARISON}.html": render(sweep_page(tables, f"Sweep in {folder}")).encode(),
        "summary.json": json_bytes({"bold": table.caption, "configurations": summaries}),
        "per_class.csv": csv_bytes(list(rows[0]), [list(row.values()) for row in rows]),
    }
    for name, content in contents.items():
        update_bytes(folder / name, content)
    return [folder / f"{COMPARISON}.{ending}" for ending in ("csv", "md", "html")]


def _summaries(tables: "ComparedTables") -> list[dict[str, Any]]:
    found, rows = tables.comparison, tables.configurations
    cards, validation = rows.cards(), _validation(rows)
    return [
        {
            "name": name,
            **configuration_keys(rows.runs(name)[0]),
            "runs": [str(run.folder) for run in rows.runs(name)],
            "repeats": rows.noun,
            "is_best": name == found.best,
            "is_bold": name in found.bold,
            "interval": one.bounds and asdict(one.bounds),
            "p_value": None if isnan(one.p) else one.p,
            "not_tested": one.obstacle or None,
            **aggregate(cards[name]),
            **({"validation": aggregate(validation[name])} if validation else {}),
        }
        for name, one in found.standings.items()
    ]


def _validation(rows: Configurations) -> dict[str, list[Mapping[str, Any]]]:
    """Scorecards of the validation part of each repetition; empty if a run has none."""
    runs = [run for name in rows.repeats for run in rows.runs(name)]
    complete = all("validation" in run.metrics for run in runs)
    return rows.cards("validation") if complete else {}


def configuration_keys(run: FinishedRun) -> dict[str, Any]:
    """Describe the configuration of a run: the options of its groups, and its keys.

    What cannot affect the result is left out, such as the fold, and so are the names and colors of
    the label space, which has an option.
    """
    choices = {k: v for k, v in run.config["choices"].items() if not is_irrelevant(k)}
    config = {k: v for k, v in run.config["config"].items() if k != "labels"}
    keys = {k: v for k, v in flat_keys(config).items() if not is_irrelevant(k)}
    return {"choices": choices, "keys": keys}
