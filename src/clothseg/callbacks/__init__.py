"""Callbacks of a training: checkpoints, early stopping, history and progress."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

if TYPE_CHECKING:
    from pytorch_lightning import Callback

Monitor = Literal["val/mean_iou", "val/mean_f1", "val/accuracy", "val/loss"]


def checkpoints(folder: Path, *, monitor: Monitor) -> "list[Callback]":
    """Write `best.ckpt` (weights) and `last.ckpt` (full state for resuming) after every epoch.

    Args:
        folder: the run folder; the files are written to its `checkpoints` folder.
        monitor: metric that selects the best epoch.
    """
    from pytorch_lightning.callbacks import ModelCheckpoint

    common: dict[str, Any] = {
        "dirpath": folder / "checkpoints",
        "save_on_train_epoch_end": True,
        "enable_version_counter": False,
    }
    best = ModelCheckpoint(
        filename="best", monitor=monitor, mode=_mode(monitor), save_weights_only=True, **common
    )
    # Written after the best checkpoint, so that its state includes the best epoch.
    return [best, ModelCheckpoint(filename="last", **common)]


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

    return [ResumableEarlyStopping(monitor=monitor, patience=patience, mode=_mode(monitor))]


def _mode(monitor: Monitor) -> Literal["min", "max"]:
    return "min" if monitor == "val/loss" else "max"
