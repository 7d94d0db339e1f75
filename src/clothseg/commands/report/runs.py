"""Recorded runs below a folder."""

from pathlib import Path

from clothseg.error import DataError, UserError
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
