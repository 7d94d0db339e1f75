"""Training from the beginning or from a checkpoint, whose state must fit the run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch.optim import Optimizer

from clothseg.error import DataError, UserError, first_line, shortened


class RestoredState(pl.Callback):
    """Verification of the state that a training resumes from.

    Lightning restores networks, optimizers, schedules and callbacks one after the other, and each
    of them complains about a state that is not its own in other words, or only in the first step.

    Args:
        checkpoint: the file to resume from; None if the training starts from the beginning.
    """

    def __init__(self, checkpoint: Path | None) -> None:
        self.checkpoint = checkpoint
        self._complete = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare the optimizers' tensors with their parameters.

        Raises:
            ValueError: they differ in shape.
        """
        for optimizer in trainer.optimizers:
            _require_fitting(optimizer)
        self._complete = True

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Convert an error while the state is restored to one that names the file.

        Raises:
            DataError: the state does not fit the run.
        """
        try:
            yield
        except (UserError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # whatever the owner of a part of the state raises
            if self.checkpoint is None or self._complete:
                raise
            raise DataError(
                f"{self.checkpoint} does not fit this run: another version of the code has "
                "written it, or it was altered. Rename it, and the training resumes from the "
                "checkpoint before it, or starts again "
                f"({type(error).__name__}: {shortened(first_line(error))})"
            ) from error


def _require_fitting(optimizer: Optimizer) -> None:
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            is_count = torch.is_tensor(value) and value.dim() == 0
            if torch.is_tensor(value) and not is_count and value.shape != parameter.shape:
                raise ValueError(
                    f"{name} of the optimizer has shape {tuple(value.shape)} for a parameter of "
                    f"shape {tuple(parameter.shape)}"
                )
