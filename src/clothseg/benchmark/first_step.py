"""Callback that ends a command at the beginning of its first training step."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytorch_lightning import Callback

NODE = "clothseg.benchmark.first_step.first_step"
OVERRIDES = ["trust=[clothseg.benchmark]", f"+callbacks.first_step._target_={NODE}"]
"""Overrides that add the callback to a training command like any user-defined callback."""


def first_step(folder: Path) -> "list[Callback]":
    """Create a callback that stops like Ctrl-C once the first batch is on the device.

    Args:
        folder: run folder; nothing is written to it.
    """
    import pytorch_lightning as pl

    class FirstStep(pl.Callback):
        def on_train_batch_start(self, *arguments: object) -> None:
            raise KeyboardInterrupt

    return [FirstStep()]
