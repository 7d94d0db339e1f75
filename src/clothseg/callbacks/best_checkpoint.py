"""Checkpoint of the best epoch."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from clothseg.callbacks.history import History
from clothseg.files import replacing
from clothseg.metric.names import improvement

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
        self.path = folder / "best.ckpt"

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the checkpoint that an interrupted run may not have written."""
        rows = History.of(trainer).rows
        if trainer.is_global_zero and rows and self._is_best(trainer, rows[-1]["epoch"]):
            last: dict[str, Any] = torch.load(
                str(trainer.ckpt_path), map_location="cpu", weights_only=True
            )
            with replacing(self.path) as temporary:
                torch.save({key: last[key] for key in WEIGHTS}, temporary)

    def check_monitor_top_k(self, trainer: pl.Trainer, current: Tensor | None = None) -> bool:
        """Return True if this epoch is the best so far."""
        best = self._is_best(trainer, trainer.current_epoch + 1)
        # All processes have the same history; saving takes part in all of them.
        return trainer.strategy.reduce_boolean_decision(best)

    def _is_best(self, trainer: pl.Trainer, epoch: float) -> bool:
        return History.of(trainer).best(str(self.monitor)) == epoch
