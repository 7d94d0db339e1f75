"""README's table of speeds, made from the files that benchmarks write."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from clothseg.config.schema import Benchmark
from clothseg.error import DataError
from clothseg.files import write_text
from clothseg.report.tables import measurement
from clothseg.run.record import Plain
from clothseg.shipped import CONF

README = CONF.parent / "README.md"
BEGIN = "<!-- speed: written by `python scripts/benchmark.py benchmark=table` -->"
END = "<!-- end of speed -->"
BETWEEN = re.compile(f"(?<={re.escape(BEGIN)}\n).*?(?={re.escape(END)})", re.DOTALL)


def speed_table(results: Sequence[Plain]) -> str:
    """Markdown: one row for each comparison, and below what it was measured on.

    Args:
        results: the contents of the files, in the order of the rows.
    """
    rows = [
        f"| {c['title']} | {_side(c, 'clothseg')} | {_side(c, 'rival')} | "
        f"{_ratio(c)} | {_goal(c['goal'])} |"
        for result in results
        for c in result["comparisons"]
    ]
    heading = ["| measured | clothseg | against | ratio | goal |", "|---|---|---|---|---|"]
    places: dict[str, list[str]] = {}
    for result in results:
        places.setdefault(_place(result), []).append(f"`{result['benchmark']}`")
    measured = [f"Measured on {place}: {', '.join(names)}." for place, names in places.items()]
    return "\n".join([*heading, *rows, "", *measured]) + "\n"


def read_results(folder: Path) -> list[Plain]:
    """The contents of all files that benchmarks have written, in the order of the schema.

    Raises:
        DataError: there is none.
    """
    names = get_args(Benchmark.model_fields["benchmark"].annotation)
    paths = [folder / f"{name}.json" for name in names]
    results = [json.loads(path.read_text()) for path in paths if path.is_file()]
    if not results:
        raise DataError(f"{folder} has no results: run a benchmark first")
    return results


def write_speed_table(readme: Path, folder: Path) -> None:
    """Put the table of all results between the two marks of a page.

    Raises:
        DataError: there are no results, or the page has no marks.
    """
    table = speed_table(read_results(folder))
    text = readme.read_text()
    if not BETWEEN.search(text):
        raise DataError(f"{readme.name} has no place for the table: a line {BEGIN} and one {END}")
    write_text(readme, BETWEEN.sub(lambda match: table, text))


def _side(comparison: Plain, side: str) -> str:
    return f"{measurement(comparison[side]['median'])} {comparison['unit']}"


def _ratio(comparison: Plain) -> str:
    """In bold where the goal is missed, so that nobody overlooks it."""
    ratio = f"{comparison['ratio']:.{1 if comparison['ratio'] >= 10 else 3}f}"
    return f"**{ratio}**" if comparison["goal_met"] is False else ratio


def _goal(goal: str | None) -> str:
    return "" if goal is None else goal.replace(">=", "≥").replace("<=", "≤")


def _place(result: Plain) -> str:
    machine, environment = result["machine"], result["environment"]
    where = machine["gpu"] if result["benchmark"].startswith("gpu") else machine["cpu"]
    commit = (environment["commit"] or "unknown")[:7] + (
        " and changes" * bool(environment["dirty"])
    )
    cores = machine["cores"]
    return (
        f"{where}, {cores} core{'' if cores == 1 else 's'}, {result['photos']}, "
        f"{result['date']}, commit {commit}"
    )
