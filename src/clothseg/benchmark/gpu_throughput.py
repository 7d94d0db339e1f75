"""Photos per second of training on a GPU: by number format, and fed by the input pipeline."""

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
    Contestant,
    Goal,
    in_turns,
    threads,
    training_config,
)
from clothseg.benchmark.evaluation import share_of_step
from clothseg.config.schema import Benchmark
from clothseg.datamodule.batches import SegmentationData
from clothseg.error import ConfigError
from clothseg.jobs.machine import usable_cores
from clothseg.task.semantic import SemanticSegmentation

IMAGE_SIZE = 320
"""Height and width of the photos, pixels."""
REPETITIONS = 12
MOST_WORKERS = 12
NETWORK = ("model=fpn", "backbone=efficientnet-b3")
Batch = tuple[Tensor, Tensor, Tensor]
"""Photos uint8 [B,H,W,3], masks uint8 [B,H,W] and pixels of each value [256], on the device."""
Step = Callable[[Tensor, Tensor, Tensor], None]


def compare(settings: Benchmark) -> list[Comparison]:
    """Photos per second of whole training steps on the GPU, and the scores' share of evaluation.

    Raises:
        ConfigError: PyTorch sees no CUDA GPU.
    """
    if not torch.cuda.is_available():
        raise ConfigError(
            ["benchmark=gpu_throughput needs a CUDA GPU, and PyTorch sees none on this machine"]
        )
    device = torch.device("cuda")
    return [*throughput(settings, device), share_of_step(settings, device)]


def throughput(
    settings: Benchmark,
    device: torch.device,
    network: Sequence[str] = NETWORK,
    compiled: bool = True,
) -> list[Comparison]:
    """Photos per second with synthetic tensors in several formats, and fed by the pipeline.

    Args:
        settings: of the benchmark.
        device: where the network is.
        network: the overrides that choose it.
        compiled: whether to measure the compiled network too, which takes a compiler.
    """
    formats = ["bf16", "compiled"] if compiled else ["bf16"]
    size = settings.image_size or IMAGE_SIZE
    repetitions = settings.repetitions or REPETITIONS
    workers = min(MOST_WORKERS, usable_cores() - 1)
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
    steps = {name: training_step(task, name, device) for name in ("fp32", *formats)}

    def speed(step: Step, batches: Iterator[Batch]) -> float:
        start = time.perf_counter()
        for _ in range(settings.batches):
            step(*next(batches))
        _wait(device)
        return settings.batches * settings.batch_size / (time.perf_counter() - start)

    sides = [partial(speed, step, synthetic) for step in steps.values()]
    by_format = dict(zip(steps, in_turns(sides, repetitions), strict=True))
    feeds = [_fed(data, device), synthetic]
    fed, not_fed = in_turns([partial(speed, steps["bf16"], feed) for feed in feeds], repetitions)
    conditions = f"{' '.join(network)}, {size} px, batches of {settings.batch_size}"
    described = {
        "fp32": "32 bits",
        "bf16": "bf16 and channels_last",
        "compiled": "bf16 and channels_last, compiled",
    }
    return [
        *(
            Comparison(
                title=f"training in {described[name]} against 32 bits",
                unit="images/s",
                conditions=conditions,
                clothseg=Contestant(described[name], by_format[name]),
                rival=Contestant(described["fp32"], by_format["fp32"]),
            )
            for name in formats
        ),
        Comparison(
            title="training fed by the input pipeline against synthetic tensors",
            unit="images/s",
            conditions=f"{conditions}, bf16, {threads(workers)} of loader processes",
            clothseg=Contestant("SegmentationData with the augmentation of inacio2019", fed),
            rival=Contestant("one batch that is on the device already", not_fed),
            goal=Goal(">=", 0.95),
        ),
    ]


def training_step(task: SemanticSegmentation, form: str, device: torch.device) -> Step:
    """One step of a copy of a task with its own loss and optimizer.

    Args:
        task: stays as it is.
        form: `fp32`, `bf16` (with channels_last) or `compiled` (the same, compiled).
        device: where the copy goes.
    """
    task = copy.deepcopy(task).to(device)
    channels = torch.contiguous_format if form == "fp32" else torch.channels_last
    task.network.to(memory_format=channels)
    network = torch.compile(task.network) if form == "compiled" else task.network
    optimizer = task.make_optimizer([p for p in task.parameters() if p.requires_grad])

    def numbers() -> AbstractContextManager[Any]:
        return nullcontext() if form == "fp32" else torch.autocast(device.type, torch.bfloat16)

    def step(photos: Tensor, masks: Tensor, pixels: Tensor) -> None:
        images = task.normalized(photos).contiguous(memory_format=channels)
        with numbers():
            batch = {"mask": masks.long(), "pixels": pixels}
            terms: Mapping[str, Tensor] = task.loss(network(images), batch)
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()

    return step


def _fed(data: SegmentationData, device: torch.device) -> Iterator[Batch]:
    """Batches of the pipeline on the device, one epoch after another."""
    loader, epoch = data.train_dataloader(), 0
    while True:
        data.order.set_epoch(epoch)
        for batch in loader:
            parts = [
                batch[key].to(device, non_blocking=True) for key in ("image", "mask", "pixels")
            ]
            yield parts[0], parts[1], parts[2]
        epoch += 1


def _wait(device: torch.device) -> None:
    """Until the device has done everything that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
