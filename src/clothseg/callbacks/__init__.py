"""What happens beside training: checkpoints, early stopping, history, progress."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

if TYPE_CHECKING:
    from pytorch_lightning import Callback

Monitor = Literal["val/mean_iou", "val/mean_f1", "val/accuracy", "val/loss"]


def checkpoints(folder: Path, *, monitor: Monitor) -> "list[Callback]":
    """Write `best.ckpt` (weights) and `last.ckpt` (all that a resumed run needs) after every epoch.

    Args:
        folder: the run folder; the files go to its `checkpoints`.
        monitor: what the best epoch is chosen by.
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
    # Written after the best, so that it holds which epoch that is.
    return [best, ModelCheckpoint(filename="last", **common)]


def early_stopping(
    folder: Path, *, monitor: Monitor, patience: Annotated[int, Field(ge=1)]
) -> "list[Callback]":
    """Stop training when a score stagnates.

    Args:
        folder: the run folder.
        monitor: the score.
        patience: epochs without a better value.
    """
    from clothseg.callbacks.resumable_early_stopping import ResumableEarlyStopping

    return [ResumableEarlyStopping(monitor=monitor, patience=patience, mode=_mode(monitor))]


def _mode(monitor: Monitor) -> Literal["min", "max"]:
    return "min" if monitor == "val/loss" else "max"
