"""Recorded runs below a folder."""

from collections.abc import Sequence
from pathlib import Path

from clothseg.error import DataError, UserError, abbreviate, shortened
from clothseg.run.finished import FinishedRun
from clothseg.run.folders import records_below
from clothseg.run.record import Record
from clothseg.run.tables import HISTORY
from clothseg.terminal.screen import say


def recorded_runs(folder: Path) -> list[Record]:
    """Find all runs below a folder that have finished an epoch, sorted by path.

    Records that were moved aside are left out.

    Raises:
        DataError: there is none, or none that can be read.
    """
    runs = [run for run in records_below(folder, HISTORY) if run.status is not None]
    if not runs:
        raise DataError(
            f"runs={folder}: no run in this folder or below has a {HISTORY}, "
            "which is written after the first epoch"
        )
    readable = [run for run in runs if _is_readable(run)]
    if not readable:
        raise DataError(f"runs={folder}: none of {len(runs)} runs can be read")
    return readable


def _is_readable(run: Record) -> bool:
    """Return whether the configuration of a run can be read; else print a warning."""
    try:
        _ = run.config
    except UserError as error:
        say(f"warning: left out: {error}")
        return False
    return True


def require_same_classes(runs: Sequence[FinishedRun], folder: str) -> None:
    """Check that the scores of all runs are of the same classes.

    Raises:
        DataError: names two label spaces.
    """
    spaces: dict[tuple[str, ...], str] = {}
    for run in runs:
        classes = tuple(row["name"] for row in run.metrics["test"]["per_class"])
        spaces.setdefault(classes, run.config["choices"].get("labels", ""))
    if len(spaces) > 1:
        named = [
            f"labels={shortened(name)} ({len(classes)} classes: {abbreviate(classes)})"
            for classes, name in spaces.items()
        ]
        raise DataError(
            f"runs={folder}: the runs are of different label spaces, {' and '.join(named[:2])}; "
            "select a folder with runs of one, such as runs=outputs/<dataset>-<labels>"
        )
