"""Per-epoch history of a run, and the validation scores of its best epoch."""

import math
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from clothseg.metric.names import DEFAULT_MONITOR, MONITORS, VALIDATION_LOSS
from clothseg.metric.scorecard import scorecard
from clothseg.metric.selection import rank
from clothseg.task.training import Training


class History(Callback):
    """Table with one row per epoch, stored in the last checkpoint so that a resumed run extends it.

    Epochs are numbered from 1, as in the console output.

    Args:
        monitor: metric that selects the best epoch.
    """

    def __init__(self, monitor: str = DEFAULT_MONITOR) -> None:
        self.monitor = monitor
        self.rows: list[dict[str, float]] = []
        self.validation: dict[str, Any] | None = None
        """Scorecard of the validation part at the best epoch; None if the version that trained that
        epoch kept none."""
        self.first_kept = 1
        """First epoch whose weights exist; later than 1 if the best checkpoint was lost."""
        self._started = self._validation_started = self._validation_seconds = 0.0
        self._learning_rate = 0.0

    @classmethod
    def of(cls, trainer: pl.Trainer) -> "History":
        """Find the history among the callbacks of a trainer.

        Raises:
            ValueError: there is none.
        """
        for callback in vars(trainer)["callbacks"]:
            if isinstance(callback, cls):
                return callback
        raise ValueError("the trainer has no History among its callbacks, which selects the epoch")

    def state_dict(self) -> dict[str, Any]:
        """Return the rows and the scores so far, for the checkpoint."""
        return {
            "rows": self.rows,
            "validation": self.validation,
            "first_kept": self.first_kept,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the rows and the scores of a checkpoint; earlier versions stored rows only."""
        self.rows = list(state_dict["rows"])
        self.validation = state_dict.get("validation")
        self.first_kept = state_dict.get("first_kept", 1)

    def forget_weights(self, before: int) -> None:
        """Exclude the epochs before a given one from being the best, as their weights are lost."""
        self.first_kept = before
        self.validation = None

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Record start time and learning rate."""
        self._started, self._validation_seconds = time.monotonic(), 0.0
        self._learning_rate = trainer.optimizers[0].param_groups[0]["lr"]

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Record the start time of a validation."""
        self._validation_started = time.monotonic()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add the duration of a validation to that of the epoch."""
        self._validation_seconds += time.monotonic() - self._validation_started

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add the epoch's row, and keep the scores of the epoch if it is the best so far."""
        row = {
            "epoch": float(trainer.current_epoch + 1),
            "seconds": time.monotonic() - self._started,
            "validation_seconds": self._validation_seconds,
            "learning_rate": self._learning_rate,
        }
        row |= {key: float(value) for key, value in sorted(trainer.callback_metrics.items())}
        self.rows.append(row)
        if self.best_epoch == row["epoch"]:
            self.validation = _validation_card(trainer, pl_module)

    def best(self, monitor: str) -> int:
        """Return the best epoch by a metric, see :func:`clothseg.metric.selection.rank`."""
        kept = [row for row in self.rows if row["epoch"] >= self.first_kept]
        return int(max(kept, key=lambda row: rank(row, monitor))["epoch"])

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights are in the best checkpoint."""
        return self.best(self.monitor)

    @property
    def best_epochs(self) -> dict[str, dict[str, float]]:
        """Best epoch of every score of the validation part and of its loss, with the value.

        The weights exist of the epoch that the monitored one selects only.
        """
        best = {}
        for monitor in MONITORS:
            if rows := [r for r in self.rows if not math.isnan(r.get(monitor, math.nan))]:
                row = max(rows, key=lambda r: rank(r, monitor))
                best[monitor] = {"epoch": row["epoch"], "value": row[monitor]}
        return best

    @property
    def validation_metrics(self) -> dict[str, Any]:
        """Entries of `metrics.json` about the validation part at the best epoch.

        `validation` is its scorecard, `validation_loss` its loss, and `monitor` the metric that
        selected the epoch; empty if an earlier version trained that epoch.
        """
        if self.validation is None:
            return {}
        loss = self.rows[self.best_epoch - 1][VALIDATION_LOSS]
        return {
            "validation": self.validation,
            "validation_loss": None if math.isnan(loss) else loss,
            "monitor": self.monitor,
        }


def _validation_card(trainer: pl.Trainer, module: pl.LightningModule) -> dict[str, Any] | None:
    """Scorecard of the validation that has just ended."""
    if not isinstance(module, Training) or module.val_scores is None:
        return None
    loader: Any = trainer.val_dataloaders
    return scorecard(module.val_scores, module.names, loader.dataset.cache.sources)
