"""Activity of a run, as other processes and machines see it in its folder; reads no results."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import SoftFileLease

from clothseg.error import DataError, UserError
from clothseg.run.record import CLAIM_TIMEOUT, Record
from clothseg.run.tables import read_history

Doing = Literal["waiting", "running", "dead", "done", "failed", "interrupted"]
"""State of a run: `waiting` has no record yet; `dead` is recorded as running, but shows no sign of
life."""


@dataclass(frozen=True)
class Activity:
    """Activity of a run, or its end.

    Args:
        doing: its state.
        error: why it failed; empty if it did not.
        epoch: current epoch from 1; 0 if it is not training.
        epochs: maximum number of epochs; 0 if unknown.
        host: machine that trains it; empty if none does.
        silent: seconds since its last sign of life; NaN if none trains it.
        seconds: duration of the attempt that ended; NaN if none did.
        seconds_left: estimated time until its end; NaN if unknown.
    """

    doing: Doing
    error: str = ""
    epoch: int = 0
    epochs: int = 0
    host: str = ""
    silent: float = math.nan
    seconds: float = math.nan
    seconds_left: float = math.nan


def activity(folder: Path, clock: Callable[[], float] = time.time) -> Activity:
    """Look at a run folder, which need not exist yet.

    A process renews its claim on the folder while it lives, see
    :meth:`clothseg.run.record.Record.claimed`.

    Args:
        folder: run folder.
        clock: current time, in seconds since 1970.
    """
    record = Record(folder)
    status = record.status
    if status is None:
        return Activity("waiting")
    if status["state"] != "running":
        return Activity(status["state"], status["error"] or "", seconds=_duration(folder))
    claim = SoftFileLease(folder / ".claim", lease_duration=CLAIM_TIMEOUT)
    try:
        silent = max(0.0, clock() - Path(claim.lock_file).stat().st_mtime)
        host = getattr(claim.owner, "hostname", "")
    except OSError:  # there is no claim: the process was killed
        return Activity("dead")
    if silent > CLAIM_TIMEOUT:
        return Activity("dead", host=host, silent=silent)
    epochs, seconds = _planned_epochs(record), _epoch_seconds(folder)
    left = math.nan
    if seconds and epochs:
        left = max(0, epochs - len(seconds)) * sum(seconds) / len(seconds)
    epoch = min(len(seconds) + 1, epochs or len(seconds) + 1)
    return Activity("running", "", epoch, epochs, host, silent, seconds_left=left)


def _duration(folder: Path) -> float:
    """Return the seconds between the first and the last file of an attempt; NaN if unknown."""
    try:
        began, ended = (
            (folder / name).stat().st_mtime for name in ("environment.json", "status.json")
        )
    except OSError:
        return math.nan
    return max(0.0, ended - began)


def _planned_epochs(record: Record) -> int:
    """Return the maximum number of epochs of a run; 0 if its record does not say."""
    try:
        epochs = record.config["config"]["trainer"].get("max_epochs")
    except UserError:
        return 0
    return epochs if isinstance(epochs, int) else 0


def _epoch_seconds(folder: Path) -> list[float]:
    """Return the seconds of each finished epoch."""
    try:
        return [row.get("seconds", 0.0) for row in read_history(folder)]
    except DataError:  # before the end of the first epoch
        return []
