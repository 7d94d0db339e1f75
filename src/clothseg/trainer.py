"""Lightning trainer, built from clothseg's fixed settings and the configuration."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from clothseg.error import ConfigError

if TYPE_CHECKING:
    import torch
    from pytorch_lightning import Callback, Trainer

PRECISIONS: dict[int | str, Literal["32-true", "16-mixed", "bf16-mixed"]] = {
    32: "32-true",
    16: "16-mixed",
    "bf16": "bf16-mixed",
}
Count = Annotated[int, Field(ge=1, le=1_000_000)]
"""Number of epochs, steps or images; larger ones overflow in a library after a run has begun."""
Processes = Annotated[int, Field(ge=1, le=1024)]
"""Number of threads, processes or devices."""


def trainer(
    callbacks: "list[Callback]",
    world_size: int,
    *,
    accelerator: Literal["auto", "cpu", "gpu"],
    devices: Processes | None,
    sync_batchnorm: bool,
    precision: Literal[32, 16, "bf16"],
    channels_last: bool,
    compile: bool,
    accumulation_steps: Count,
    gradient_clip_norm: Annotated[float, Field(gt=0)] | None,
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None,
    threads: Processes | None,
    max_epochs: Count,
) -> "Trainer":
    """Create the trainer of one process of a run.

    Args:
        callbacks: callbacks of the training.
        world_size: number of processes of the run, one per device.
        accelerator: `auto` uses a GPU if one is available.
        devices: requested number of devices; :mod:`clothseg.jobs.machine` derives the world size.
        sync_batchnorm: compute batch normalization over the global batch, not each device's shard.
        precision: number format of the forward pass; weights stay 32 bits.
        channels_last: memory format of the weights; applied where the network is built.
        compile: torch.compile of the network; applied where it is built.
        accumulation_steps: micro-batches whose gradients are accumulated, to save memory.
        gradient_clip_norm: maximum norm of the gradient; None disables clipping.
        ema_decay: decay of the exponential moving average of the weights, which is validated,
            saved and tested in their place; None disables it.
        threads: CPU threads of PyTorch; None for PyTorch's default.
        max_epochs: passes over the training images.

    Raises:
        ConfigError: PyTorch cannot use the requested GPU.
    """
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from pytorch_lightning import Trainer

    from clothseg.callbacks.checkpoint_io import RunCheckpointIO
    from clothseg.callbacks.ema import ExponentialMovingAverage

    cuda = uses_cuda(accelerator)
    if sync_batchnorm and world_size > 1 and not cuda:
        raise ConfigError(["trainer.sync_batchnorm=true: PyTorch offers it on CUDA GPUs only"])
    limit_threads(threads)
    return Trainer(
        accelerator="gpu" if cuda else "cpu",
        devices=world_size,
        strategy=_strategy(cuda) if world_size > 1 else "auto",
        # clothseg starts the processes itself, also inside a SLURM job.
        plugins=[LightningEnvironment(), RunCheckpointIO()],
        sync_batchnorm=sync_batchnorm and world_size > 1,
        # clothseg.datamodule.batches shards the images, so that each is seen exactly once.
        use_distributed_sampler=False,
        precision=PRECISIONS[precision],
        accumulate_grad_batches=accumulation_steps,
        gradient_clip_val=gradient_clip_norm,
        max_epochs=max_epochs,
        callbacks=[
            *callbacks,
            *([ExponentialMovingAverage(ema_decay)] if ema_decay is not None else []),
        ],
        # Inference mode forbids metric states that are reset in evaluation and updated in training.
        inference_mode=False,
        # clothseg writes its own records.
        logger=False,
        enable_checkpointing=True,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


def uses_cuda(accelerator: str) -> bool:
    """Return whether a run uses CUDA GPUs.

    Raises:
        ConfigError: PyTorch cannot use the requested GPU.
    """
    import torch

    cuda = accelerator != "cpu" and torch.cuda.is_available()
    if accelerator == "gpu" and not cuda:
        raise ConfigError(["trainer.accelerator=gpu: PyTorch cannot use a CUDA GPU here"])
    return cuda


def limit_threads(threads: int | None) -> None:
    """Set the number of CPU threads of PyTorch; None keeps PyTorch's default."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads)


def evaluation_device(accelerator: str, rank: int) -> "torch.device":
    """Device of one process of an evaluation.

    Raises:
        ConfigError: PyTorch cannot use the requested GPU.
    """
    import torch

    return torch.device("cuda", rank) if uses_cuda(accelerator) else torch.device("cpu")


def autocast_dtype(precision: int | str) -> "torch.dtype | None":
    """Number format of the forward pass; None for that of the weights."""
    import torch

    return {16: torch.float16, "bf16": torch.bfloat16}.get(precision)


def _strategy(cuda: bool) -> Any:
    from pytorch_lightning.strategies import DDPStrategy

    return DDPStrategy(
        process_group_backend="nccl" if cuda else "gloo",
        # Running statistics are averaged before each evaluation rather than before every step.
        broadcast_buffers=False,
        gradient_as_bucket_view=True,
    )


@contextmanager
def restore_keyboard_interrupt() -> Iterator[None]:
    """Turn the SystemExit that Lightning raises on Ctrl-C back into KeyboardInterrupt."""
    try:
        yield
    except SystemExit as error:
        raise KeyboardInterrupt from error
