"""Per-epoch history of a run."""

import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback


class History(Callback):
    """Table with one row per epoch, stored in the last checkpoint so that a resumed run extends it.

    Epochs are numbered from 1, as in the console output.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self._started = 0.0
        self._learning_rate = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return the rows so far, for the checkpoint."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the rows of a checkpoint."""
        self.rows = list(state_dict["rows"])

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Record start time and learning rate."""
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
        """Return the epoch of the best value of `monitor`, the first in case of a tie."""
        sign = 1 if monitor.endswith("loss") else -1
        return int(min(self.rows, key=lambda row: sign * row[monitor])["epoch"])
