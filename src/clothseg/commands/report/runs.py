"""Recorded runs below a folder."""

from collections.abc import Sequence
from pathlib import Path

from clothseg.error import DataError, UserError, abbreviate, shortened
from clothseg.run.configurations import group_folds, missing_folds
from clothseg.run.finished import FinishedRun, finished_runs
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
        _leave_out(str(error))
        return False
    return True


def finished_folds(folder: str) -> dict[str, list[FinishedRun]]:
    """Read the finished runs below a folder by the name of their configuration and seed.

    Runs that are left out, and folds that are not finished, are warned of.

    Raises:
        DataError: there is no finished run, or the runs are of several label spaces.
    """
    runs = finished_runs(Path(folder), _leave_out)
    _require_same_classes(runs, folder)
    groups = group_folds(runs, _leave_out)
    if not groups:
        raise DataError(f"runs={folder}: no configuration has folds of one split")
    if missing := missing_folds(groups):
        say(f"warning: not all folds are finished: {abbreviate(missing)}")
    return groups


def _leave_out(reason: str) -> None:
    say(f"warning: left out: {reason}")


def _require_same_classes(runs: Sequence[FinishedRun], folder: str) -> None:
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
