"""Early stopping that survives an interruption."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping


class ResumableEarlyStopping(EarlyStopping):
    """Early stopping that also stops a run which was cut off after its last epoch."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(check_on_train_epoch_end=True, **arguments)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop at once when the restored count says that the patience is used up."""
        trainer.should_stop = self.wait_count >= self.patience
