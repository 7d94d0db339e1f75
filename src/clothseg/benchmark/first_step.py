"""A callback that tells when the first training step begins, and ends the command there."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytorch_lightning import Callback

NODE = "clothseg.benchmark.first_step.first_step"
OVERRIDES = ["trust=[clothseg.benchmark]", f"+callbacks.first_step._target_={NODE}"]
"""What has a training command take it, as it takes any callback of a user's own."""


def first_step(folder: Path) -> "list[Callback]":
    """A callback that stops the command as Ctrl-C does, with the first batch on the device.

    Args:
        folder: the run folder, where nothing is written.
    """
    import pytorch_lightning as pl

    class FirstStep(pl.Callback):
        def on_train_batch_start(self, *arguments: object) -> None:
            raise KeyboardInterrupt

    return [FirstStep()]
