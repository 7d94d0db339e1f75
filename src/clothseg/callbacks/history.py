"""Table of the epochs of a run."""

import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback


class History(Callback):
    """One row an epoch, kept in the last checkpoint, so that a resumed run continues the table.

    Epochs are numbered from 1, as on the screen.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self._started = 0.0
        self._learning_rate = 0.0

    def state_dict(self) -> dict[str, Any]:
        """The rows so far, for the checkpoint."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The rows of a checkpoint."""
        self.rows = list(state_dict["rows"])

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note time and learning rate."""
        self._started = time.monotonic()
        self._learning_rate = trainer.optimizers[0].param_groups[0]["lr"]

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add the epoch's row."""
        row = {
            "epoch": float(trainer.current_epoch + 1),
            "seconds": time.monotonic() - self._started,
            "learning_rate": self._learning_rate,
        }
        row |= {key: float(value) for key, value in sorted(trainer.callback_metrics.items())}
        self.rows.append(row)

    def best(self, monitor: str) -> int:
        """Epoch of the best value of `monitor`, the first of equals."""
        sign = 1 if monitor.endswith("loss") else -1
        return int(min(self.rows, key=lambda row: sign * row[monitor])["epoch"])
