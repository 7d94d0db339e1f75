"""Early stopping that also works after resuming."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping


class ResumableEarlyStopping(EarlyStopping):
    """Early stopping that also stops a run that was interrupted after its last epoch."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(check_on_train_epoch_end=True, **arguments)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop immediately if the restored state has already exhausted the patience."""
        trainer.should_stop = self.wait_count >= self.patience
