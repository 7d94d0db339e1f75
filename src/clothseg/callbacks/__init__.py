"""Callbacks of a training: checkpoints, early stopping, history and progress."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from clothseg.metric.names import Monitor, improvement

if TYPE_CHECKING:
    from pytorch_lightning import Callback


def checkpoints(folder: Path, *, monitor: Monitor) -> "list[Callback]":
    """Write `last.ckpt` (full state for resuming) after every epoch, and `best.ckpt` (weights).

    Args:
        folder: the run folder; the files are written to its `checkpoints` folder.
        monitor: metric that selects the best epoch. Ties go to the lower validation loss, then to
            the earlier epoch.
    """
    from pytorch_lightning.callbacks import ModelCheckpoint

    from clothseg.callbacks.best_checkpoint import BestCheckpoint

    last = ModelCheckpoint(
        dirpath=folder / "checkpoints",
        filename="last",
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    return [last, BestCheckpoint(folder / "checkpoints", monitor)]


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
