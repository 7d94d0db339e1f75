"""Performance table of the README, generated from the result files of the benchmarks."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from clothseg.config.settings import Benchmark
from clothseg.error import DataError
from clothseg.files import write_text
from clothseg.json_file import Plain
from clothseg.report.tables import measurement
from clothseg.shipped import CONF

README = CONF.parent / "README.md"
BEGIN = "<!-- speed: written by `python scripts/benchmark.py benchmark=table` -->"
END = "<!-- end of speed -->"
TABLE = re.compile(f"(?<={re.escape(BEGIN)}\n).*?(?={re.escape(END)})", re.DOTALL)


def speed_table(results: Sequence[Plain]) -> str:
    """Render Markdown with one row per comparison, followed by the hardware and dataset.

    Args:
        results: contents of the result files, in the order of the rows.
    """
    rows = [
        f"| {c['title']} | {_side(c, 'clothseg')} | {_side(c, 'rival')} | "
        f"{_ratio(c)} | {_goal(c['goal'])} |"
        for result in results
        for c in result["comparisons"]
    ]
    heading = ["| benchmark | clothseg | baseline | ratio | goal |", "|---|---|---|---|---|"]
    setups: dict[str, list[str]] = {}
    for result in results:
        setups.setdefault(_setup(result), []).append(f"`{result['benchmark']}`")
    measured = [f"Measured on {setup}: {', '.join(names)}." for setup, names in setups.items()]
    return "\n".join([*heading, *rows, "", *measured]) + "\n"


def read_results(folder: Path) -> list[Plain]:
    """Read all result files of a folder in the order of the schema.

    Raises:
        DataError: there are no result files.
    """
    names = get_args(Benchmark.model_fields["benchmark"].annotation)
    paths = [folder / f"{name}.json" for name in names]
    results = [json.loads(path.read_text()) for path in paths if path.is_file()]
    if not results:
        raise DataError(f"{folder} contains no results: run a benchmark first")
    return results


def write_speed_table(readme: Path, folder: Path) -> None:
    """Write the table of all results between the two markers of a page.

    Raises:
        DataError: there are no results, or the page lacks the markers.
    """
    table = speed_table(read_results(folder))
    text = readme.read_text()
    if not TABLE.search(text):
        raise DataError(
            f"{readme.name} lacks the markers of the table: a line {BEGIN} and a line {END}"
        )
    write_text(readme, TABLE.sub(lambda match: table, text))


def _side(comparison: Plain, side: str) -> str:
    return f"{measurement(comparison[side]['median'])} {comparison['unit']}"


def _ratio(comparison: Plain) -> str:
    """Format the ratio, in bold if it misses the goal."""
    ratio = f"{comparison['ratio']:.{1 if comparison['ratio'] >= 10 else 3}f}"
    return f"**{ratio}**" if comparison["goal_met"] is False else ratio


def _goal(goal: str | None) -> str:
    return "" if goal is None else goal.replace(">=", "≥").replace("<=", "≤")


def _setup(result: Plain) -> str:
    machine, environment = result["machine"], result["environment"]
    processor = machine["gpu"] if result["benchmark"].startswith("gpu") else machine["cpu"]
    commit = (environment["commit"] or "unknown")[:7] + (
        " with uncommitted changes" * bool(environment["dirty"])
    )
    cores = machine["cores"]
    return (
        f"{processor}, {cores} core{'' if cores == 1 else 's'}, {result['photos']}, "
        f"{result['date']}, commit {commit}"
    )
