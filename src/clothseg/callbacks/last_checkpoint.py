"""Checkpoint from which an interrupted run resumes."""

import time
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint

from clothseg.callbacks.history import History


class LastCheckpoint(ModelCheckpoint):
    """Checkpoint `last.ckpt` with the full state at the end of an epoch.

    Writing takes a noticeable part of a short epoch. Within the interval, an epoch is written only
    if it is the best so far, whose weights `best.ckpt` is about to hold, or if the training ends.

    Args:
        folder: folder of the checkpoints.
        interval: seconds between two checkpoints.
    """

    def __init__(self, folder: Path, interval: float) -> None:
        super().__init__(
            dirpath=folder,
            filename="last",
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
        self.interval = interval
        self._written = -interval

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the checkpoint if it is due; all processes decide alike."""
        epoch = trainer.current_epoch + 1
        history = History.of(trainer)
        due = (
            time.monotonic() - self._written >= self.interval
            or history.best_epoch == epoch
            or epoch == trainer.max_epochs
            or trainer.should_stop
        )
        if trainer.strategy.reduce_boolean_decision(due, all=False):
            super().on_train_epoch_end(trainer, pl_module)
            self._written = time.monotonic()
