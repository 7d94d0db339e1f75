"""Lightning callbacks: the history of a run, what is shown of it, and stopping that resumes."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, EarlyStopping

from clothseg.report.progress import progress_bar


class ResumableEarlyStopping(EarlyStopping):
    """Early stopping that also stops a run which was cut off after its last epoch."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(check_on_train_epoch_end=True, **arguments)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop at once when the restored count says that the patience is used up."""
        trainer.should_stop = self.wait_count >= self.patience


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


class Reporter(Callback):
    """An epoch bar with images/s and time left, and one line after every epoch.

    Args:
        say: prints a line and keeps it in the run's log.
        name: what the run is called.
        batch_size: photos in a training step.
        history: the epochs so far; it has to be called before this one.
    """

    def __init__(
        self, say: Callable[[str], None], name: str, batch_size: int, history: History
    ) -> None:
        self.say, self.name, self.batch_size, self.history = say, name, batch_size, history
        self._bar = ExitStack()
        self._advance: Callable[[float], None]
        self._started = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the bar of the epoch."""
        self._started = time.monotonic()
        steps = int(trainer.num_training_batches) / trainer.accumulate_grad_batches
        total = round(steps * self.batch_size)
        self._advance = self._bar.enter_context(progress_bar(self._title(trainer), total))

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Advance the bar."""
        self._advance(self.batch_size / trainer.accumulate_grad_batches)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Replace the bar by the epoch's line."""
        self._bar.close()
        seconds = time.monotonic() - self._started
        metrics = trainer.callback_metrics
        iou = float(metrics["val/mean_iou"])
        best = self.history.best("val/mean_iou") == trainer.current_epoch + 1
        left = (int(trainer.max_epochs or 0) - trainer.current_epoch - 1) * seconds
        self.say(
            f"{self._title(trainer)}  loss {metrics['train/loss']:.3f}  val loss "
            f"{metrics['val/loss']:.3f}  F1 {100 * metrics['val/mean_f1']:.1f}  IoU {100 * iou:.1f}"
            f"{' *' if best else '  '}  {seconds:.1f} s, {left:.0f} s left"
        )

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Take the bar off the screen before an error is shown."""
        self._bar.close()

    def _title(self, trainer: pl.Trainer) -> str:
        return f"{self.name}  epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
