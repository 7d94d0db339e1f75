"""Checkpoint of the best epoch."""

import logging
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from clothseg.callbacks.history import History
from clothseg.checkpoint import BEST, read_checkpoint, write_checkpoint
from clothseg.error import DataError
from clothseg.metric.names import improvement
from clothseg.terminal.screen import say

WEIGHTS = ("epoch", "global_step", "pytorch-lightning_version", "state_dict")
"""Entries of a checkpoint of which `best.ckpt` consists."""


class BestCheckpoint(ModelCheckpoint):
    """Checkpoint `best.ckpt` with the weights of the epoch that the history ranks first.

    It is written after `last.ckpt`, which holds the history. A run that is killed in between
    therefore knows on resuming that the last epoch is the best, and that its weights are in
    `last.ckpt`. In the reverse order, `best.ckpt` could keep an epoch that the history lacks.

    Args:
        folder: folder of the checkpoints.
        monitor: metric that selects the best epoch.
    """

    def __init__(self, folder: Path, monitor: str) -> None:
        super().__init__(
            dirpath=folder,
            filename="best",
            monitor=monitor,
            mode=improvement(monitor),
            save_weights_only=True,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
        self.path = folder / BEST

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the checkpoint that an interrupted run may not have written, or has lost."""
        history = History.of(trainer)
        if not history.rows:
            return
        epoch = history.rows[-1]["epoch"]
        if trainer.strategy.broadcast(
            not self._is_best(trainer, epoch) and not self._is_intact(trainer)
        ):
            history.forget_weights(before=int(epoch))
            text = (
                f"{self.path} is missing or damaged; the best epoch is sought from {epoch:.0f} on"
            )
            say(f"warning: {text}")
            logging.getLogger(__name__).warning(text)
        if trainer.is_global_zero and self._is_best(trainer, epoch):
            last = read_checkpoint(Path(str(trainer.ckpt_path)))
            write_checkpoint(self.path, {key: last[key] for key in WEIGHTS})

    def check_monitor_top_k(self, trainer: pl.Trainer, current: Tensor | None = None) -> bool:
        """Return True if this epoch is the best so far."""
        best = self._is_best(trainer, trainer.current_epoch + 1)
        # All processes have the same history; saving takes part in all of them.
        return trainer.strategy.reduce_boolean_decision(best)

    def _is_intact(self, trainer: pl.Trainer) -> bool:
        """Return whether the checkpoint holds the weights of the best epoch of the history."""
        try:
            epoch: int = read_checkpoint(self.path)["epoch"]
        except DataError:
            return False
        return self._is_best(trainer, epoch + 1)

    def _is_best(self, trainer: pl.Trainer, epoch: float) -> bool:
        return History.of(trainer).best(str(self.monitor)) == epoch
