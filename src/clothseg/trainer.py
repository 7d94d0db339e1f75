"""Lightning's trainer, with what clothseg fixes and what the configuration chooses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from clothseg.error import ConfigError

if TYPE_CHECKING:
    from pytorch_lightning import Callback, Trainer

PRECISIONS: dict[int | str, Literal["32-true", "16-mixed", "bf16-mixed"]] = {
    32: "32-true",
    16: "16-mixed",
    "bf16": "bf16-mixed",
}
Count = Annotated[int, Field(ge=1)]


def trainer(
    callbacks: "list[Callback]",
    world_size: int,
    *,
    accelerator: Literal["auto", "cpu", "gpu"],
    devices: Count | None,
    sync_batchnorm: bool,
    precision: Literal[32, 16, "bf16"],
    channels_last: bool,
    compile: bool,
    accumulation_steps: Count,
    gradient_clip_norm: Annotated[float, Field(gt=0)] | None,
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None,
    threads: Count | None,
    max_epochs: Count,
) -> "Trainer":
    """A trainer of one of the processes that do a run together.

    Args:
        callbacks: what happens beside training.
        world_size: how many processes there are, one for each device.
        accelerator: `auto` takes a GPU when there is one.
        devices: how many were asked for, which :mod:`clothseg.jobs.machine` has answered.
        sync_batchnorm: batch normalisation over the whole batch instead of each device's share.
        precision: number format of the forward pass; weights stay 32 bits.
        channels_last: order of the network's weights, which :func:`clothseg.build.build_task` sets.
        compile: torch.compile of the network, which :func:`clothseg.build.build_task` starts.
        accumulation_steps: micro-batches whose gradients are accumulated, to save memory.
        gradient_clip_norm: largest norm of the gradient; None leaves it as it is.
        ema_decay: decay of the running average of the weights that is validated, kept and tested
            instead of them; None keeps no average.
        threads: CPU threads of PyTorch; None leaves the choice to it.
        max_epochs: passes over the training photos.

    Raises:
        ConfigError: a GPU is asked for that PyTorch cannot use.
    """
    import torch
    from pytorch_lightning import Trainer
    from pytorch_lightning.plugins.environments import LightningEnvironment

    from clothseg.callbacks.ema import ExponentialMovingAverage

    cuda = accelerator != "cpu" and torch.cuda.is_available()
    if accelerator == "gpu" and not cuda:
        raise ConfigError(["trainer.accelerator=gpu: this PyTorch cannot use a CUDA GPU here"])
    if sync_batchnorm and world_size > 1 and not cuda:
        raise ConfigError(["trainer.sync_batchnorm=true: PyTorch offers it on CUDA GPUs only"])
    if threads is not None:
        torch.set_num_threads(threads)
    return Trainer(
        accelerator="gpu" if cuda else "cpu",
        devices=world_size,
        strategy=_strategy(cuda) if world_size > 1 else "auto",
        # The processes are clothseg's own, also inside a job of SLURM.
        plugins=[LightningEnvironment()],
        sync_batchnorm=sync_batchnorm and world_size > 1,
        # Which photos a process sees is decided by clothseg.datamodule.batches, exactly once each.
        use_distributed_sampler=False,
        precision=PRECISIONS[precision],
        accumulate_grad_batches=accumulation_steps,
        gradient_clip_val=gradient_clip_norm,
        max_epochs=max_epochs,
        callbacks=[
            *callbacks,
            *([ExponentialMovingAverage(ema_decay)] if ema_decay is not None else []),
        ],
        # Metric states are reset in evaluation and changed in training: inference mode forbids it.
        inference_mode=False,
        # The records are clothseg's own.
        logger=False,
        enable_checkpointing=True,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


def _strategy(cuda: bool) -> Any:
    from pytorch_lightning.strategies import DDPStrategy

    return DDPStrategy(
        process_group_backend="nccl" if cuda else "gloo",
        # Running statistics are averaged before they are used, instead of before every step.
        broadcast_buffers=False,
        gradient_as_bucket_view=True,
    )


@contextmanager
def stopped_in_order() -> Iterator[None]:
    """Give Ctrl-C back its exception: Lightning ends the process where it stood."""
    try:
        yield
    except SystemExit as error:
        raise KeyboardInterrupt from error
