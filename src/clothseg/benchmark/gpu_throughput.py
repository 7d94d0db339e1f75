"""Training throughput on a GPU in images/s: by number format, and with the input pipeline."""

import copy
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor

from clothseg import build
from clothseg.benchmark.comparison import (
    Comparison,
    Goal,
    Side,
    measure_alternately,
    training_config,
)
from clothseg.benchmark.evaluation import metric_fraction_of_step
from clothseg.config.settings import Benchmark
from clothseg.datamodule.training_data import TrainingData
from clothseg.error import ConfigError
from clothseg.jobs.machine import usable_cores
from clothseg.task.training import Training

IMAGE_SIZE = 320
"""Height and width of the images, pixels."""
REPETITIONS = 12
MAX_WORKERS = 12
NETWORK = ("model=fpn", "backbone=efficientnet-b3")
Batch = tuple[Tensor, Tensor, Tensor]
"""Images uint8 [B,H,W,3], masks uint8 [B,H,W] and pixels per mask value [256], on the device."""
Step = Callable[[Tensor, Tensor, Tensor], None]


def compare(settings: Benchmark) -> list[Comparison]:
    """Compare the throughput of training steps on the GPU, and metrics with an evaluation step.

    Raises:
        ConfigError: PyTorch finds no CUDA GPU.
    """
    if not torch.cuda.is_available():
        raise ConfigError(
            ["benchmark=gpu_throughput needs a CUDA GPU, but PyTorch finds none on this machine"]
        )
    device = torch.device("cuda")
    return [*throughput(settings, device), metric_fraction_of_step(settings, device)]


def throughput(
    settings: Benchmark,
    device: torch.device,
    network: Sequence[str] = NETWORK,
    compiled: bool = True,
) -> list[Comparison]:
    """Compare images/s with synthetic tensors in several formats, and with the input pipeline.

    Args:
        settings: settings of the benchmark.
        device: device of the network.
        network: overrides that select the network.
        compiled: whether to measure the compiled network as well, which requires a compiler.
    """
    formats = ["bf16", "compiled"] if compiled else ["bf16"]
    size = settings.image_size or IMAGE_SIZE
    repetitions = settings.repetitions or REPETITIONS
    workers = min(MAX_WORKERS, usable_cores() - 1)
    config = training_config(
        settings, size, [*network, "augmentation=inacio2019", f"data.workers={workers}"]
    )
    cache = build.build_cache(config, build.build_dataset(config))
    data = build.build_data(config, cache, build.build_split(config, cache))
    task = build.build_task(config).train()
    batch = torch.randint(0, 256, (settings.batch_size, size, size, 3), dtype=torch.uint8)
    mask = torch.randint(0, len(task.names), batch.shape[:3], dtype=torch.uint8)
    pixels = torch.bincount(mask.flatten(), minlength=256)
    synthetic = itertools.repeat((batch.to(device), mask.to(device), pixels.to(device)))
    steps = {name: make_step(task, name, device) for name in ("fp32", *formats)}

    def speed(step: Step, batches: Iterator[Batch]) -> float:
        start = time.perf_counter()
        for _ in range(settings.batches):
            step(*next(batches))
        _synchronize(device)
        return settings.batches * settings.batch_size / (time.perf_counter() - start)

    sides = [partial(speed, step, synthetic) for step in steps.values()]
    by_format = dict(zip(steps, measure_alternately(sides, repetitions), strict=True))
    sources = [_pipeline_batches(data, device), synthetic]
    sides = [partial(speed, steps["bf16"], source) for source in sources]
    with_pipeline, without_pipeline = measure_alternately(sides, repetitions)
    conditions = f"{' '.join(network)}, {size} px, batches of {settings.batch_size}"
    descriptions = {
        "fp32": "fp32",
        "bf16": "bf16 and channels_last",
        "compiled": "bf16 and channels_last, compiled",
    }
    return [
        *(
            Comparison(
                title=f"training in {descriptions[name]} against fp32",
                unit="images/s",
                conditions=conditions,
                clothseg=Side(descriptions[name], by_format[name]),
                rival=Side(descriptions["fp32"], by_format["fp32"]),
            )
            for name in formats
        ),
        Comparison(
            title="training with the input pipeline against synthetic tensors",
            unit="images/s",
            conditions=f"{conditions}, bf16, {workers} loader processes",
            clothseg=Side("SegmentationData with the augmentation of inacio2019", with_pipeline),
            rival=Side("one batch that is already on the device", without_pipeline),
            goal=Goal(">=", 0.95),
        ),
    ]


def make_step(task: Training, form: str, device: torch.device) -> Step:
    """Build the training step of a copy of a task, with the task's loss and optimizer.

    Args:
        task: task to copy; it is not modified.
        form: `fp32`, `bf16` (with channels_last) or `compiled` (the same, compiled).
        device: device of the copy.
    """
    task = copy.deepcopy(task).to(device)
    memory_format = torch.contiguous_format if form == "fp32" else torch.channels_last
    task.network.to(memory_format=memory_format)
    network = torch.compile(task.network) if form == "compiled" else task.network
    optimizer = task.build_optimizer()

    def precision() -> AbstractContextManager[Any]:
        return nullcontext() if form == "fp32" else torch.autocast(device.type, torch.bfloat16)

    def step(images: Tensor, masks: Tensor, pixels: Tensor) -> None:
        inputs = task.normalized(images).contiguous(memory_format=memory_format)
        with precision():
            batch = {"mask": masks.long(), "pixels": pixels}
            terms: Mapping[str, Tensor] = task.loss(network(inputs), batch)
        optimizer.zero_grad()
        torch.autograd.backward(torch.stack(list(terms.values())).sum())
        optimizer.step()

    return step


def _pipeline_batches(data: TrainingData, device: torch.device) -> Iterator[Batch]:
    """Yield batches of the input pipeline on the device, epoch after epoch."""
    loader, epoch = data.train_dataloader(), 0
    while True:
        data.order.set_epoch(epoch)
        for batch in loader:
            parts = [
                batch[key].to(device, non_blocking=True) for key in ("image", "mask", "pixels")
            ]
            yield parts[0], parts[1], parts[2]
        epoch += 1


def _synchronize(device: torch.device) -> None:
    """Wait for all work queued on the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
