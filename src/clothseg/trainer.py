"""Lightning's trainer, with what clothseg fixes and what the configuration chooses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

if TYPE_CHECKING:
    from pytorch_lightning import Callback, Trainer

PRECISIONS: dict[int | str, Literal["32-true", "16-mixed", "bf16-mixed"]] = {
    32: "32-true",
    16: "16-mixed",
    "bf16": "bf16-mixed",
}


def trainer(
    callbacks: "list[Callback]",
    *,
    accelerator: Literal["auto", "cpu", "gpu"],
    precision: Literal[32, 16, "bf16"],
    threads: Annotated[int, Field(ge=1)] | None,
    max_epochs: Annotated[int, Field(ge=1)],
) -> "Trainer":
    """A trainer for one device.

    Args:
        callbacks: what happens beside training.
        accelerator: `auto` takes a GPU when there is one.
        precision: number format of the forward pass; weights stay 32 bits.
        threads: CPU threads of PyTorch; None leaves the choice to it.
        max_epochs: passes over the training photos.
    """
    import torch
    from pytorch_lightning import Trainer

    if threads is not None:
        torch.set_num_threads(threads)
    return Trainer(
        accelerator=accelerator,
        devices=1,
        precision=PRECISIONS[precision],
        max_epochs=max_epochs,
        callbacks=callbacks,
        # Metric states are reset in evaluation and changed in training: inference mode forbids it.
        inference_mode=False,
        # The records are clothseg's own.
        logger=False,
        enable_checkpointing=True,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


@contextmanager
def stopped_in_order() -> Iterator[None]:
    """Give Ctrl-C back its exception: Lightning ends the process where it stood."""
    try:
        yield
    except SystemExit as error:
        raise KeyboardInterrupt from error
