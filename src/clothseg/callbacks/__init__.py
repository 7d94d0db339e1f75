"""Callbacks of a training: checkpoints, early stopping, history and progress."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from clothseg.checkpoint import FOLDER
from clothseg.metric.names import Monitor, improvement

if TYPE_CHECKING:
    from pytorch_lightning import Callback


def checkpoints(
    folder: Path,
    *,
    monitor: Monitor,
    interval: Annotated[float, Field(ge=0)] = 0.0,
    keep_last: bool = False,
) -> "list[Callback]":
    """Write `last.ckpt` (full state for resuming) and `best.ckpt` (weights) at ends of epochs.

    Args:
        folder: the run folder; the files are written to its `checkpoints` folder.
        interval: seconds after `last.ckpt` was written during which only a better epoch or the last
            one is written; a run that is killed repeats at most this time.
        keep_last: keep `last.ckpt` when the run is done; read by :mod:`clothseg.run.train`.
        monitor: metric that selects the best epoch. Ties go to the lower validation loss, then to
            the earlier epoch.
    """
    from clothseg.callbacks.best_checkpoint import BestCheckpoint
    from clothseg.callbacks.last_checkpoint import LastCheckpoint

    checkpoints = folder / FOLDER
    return [LastCheckpoint(checkpoints, interval), BestCheckpoint(checkpoints, monitor)]


def early_stopping(
    folder: Path, *, monitor: Monitor, patience: Annotated[int, Field(ge=1)]
) -> "list[Callback]":
    """Stop training when a metric stagnates.

    Args:
        folder: the run folder.
        monitor: the metric.
        patience: number of epochs without improvement.
    """
    from clothseg.callbacks.resumable_early_stopping import ResumableEarlyStopping

    return [ResumableEarlyStopping(monitor=monitor, patience=patience, mode=improvement(monitor))]
