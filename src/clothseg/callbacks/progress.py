"""Training progress on the console: a bar during each epoch, then a summary line."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from clothseg.callbacks.history import History
from clothseg.metric.names import LOSS, MONITORS, headline
from clothseg.terminal.screen import progress_bar


class Reporter(Callback):
    """Epoch bar with images/s and remaining time, and one line after every epoch.

    Args:
        say: prints a line and writes it to the run's log.
        name: display name of the run.
        batch_size: images per training step.
        history: the epochs so far; must be called before this callback.
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
        """Replace the bar with the epoch's summary line."""
        self._bar.close()
        seconds = time.monotonic() - self._started
        metrics = trainer.callback_metrics
        # The monitored score comes last, before the mark of the best epoch.
        monitored = MONITORS[self.history.monitor]
        names = [key.removeprefix("val/") for key in metrics]
        shown = dict.fromkeys([*headline(names), *([monitored] if monitored is not LOSS else [])])
        scores = "  ".join(
            f"{score.heading} {100 * metrics[f'val/{score.name}']:.1f}" for score in shown
        )
        best = self.history.best_epoch == trainer.current_epoch + 1
        left = (int(trainer.max_epochs or 0) - trainer.current_epoch - 1) * seconds
        self.say(
            f"{self._title(trainer)}  loss {metrics['train/loss']:.3f}  val loss "
            f"{metrics['val/loss']:.3f}  {scores}{' *' if best else '  '}  {seconds:.1f} s, "
            f"{left:.0f} s left"
        )

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Remove the bar before an error is shown."""
        self._bar.close()

    def _title(self, trainer: pl.Trainer) -> str:
        return f"{self.name}  epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
