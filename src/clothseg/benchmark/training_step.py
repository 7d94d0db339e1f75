"""Training step through Lightning, including data, against a step of a bare PyTorch loop."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytorch_lightning as pl

from clothseg.benchmark.comparison import (
    Comparison,
    Goal,
    Side,
    batch_conditions,
    limit_threads,
    measure_alternately,
)
from clothseg.benchmark.memory import (
    can_measure_memory,
    in_fresh_process,
    peak_memory,
    reset_peak_memory,
)
from clothseg.benchmark.workload import prepare_workload
from clothseg.config.settings import Benchmark

REPETITIONS = 12
MEMORY_RUNS = 5
"""Maximum number of processes per side, as each of them loads the libraries."""


class StepTimer(pl.Callback):
    """Callback that alternately times steps of the trainer and of the baseline.

    A step lasts from the end of the previous step to its own end, so data loading and all other
    work of the trainer count. The first step of an epoch has no such start and is not timed;
    neither is validation.

    Args:
        rival: runs one step of the baseline.
        batches: steps per side in one round.
        repetitions: number of measured rounds, after one warm-up round.
    """

    def __init__(self, rival: Callable[[], None], batches: int, repetitions: int) -> None:
        self.rival, self.batches = rival, batches
        self.steps = batches * (repetitions + 1)
        self.ours: list[float] = []
        self.theirs: list[float] = []
        self._start: float | None = None

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Discard the end of the last step of the previous epoch."""
        self._start = None

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Record the time of the step; at the end of a round, time the steps of the baseline."""
        if self._start is not None and not trainer.should_stop:
            self.ours.append(time.perf_counter() - self._start)
            if len(self.ours) % self.batches == 0:
                self.theirs += [self._time_rival() for _ in range(self.batches)]
            trainer.should_stop = len(self.ours) == self.steps
        self._start = time.perf_counter()

    def _time_rival(self) -> float:
        start = time.perf_counter()
        self.rival()
        return time.perf_counter() - start


def compare(settings: Benchmark) -> list[Comparison]:
    """Compare time and memory of a CPU step of FPN with EfficientNet-B0, lightly augmented."""
    workload = prepare_workload(settings)
    repetitions = settings.repetitions or REPETITIONS
    steps = settings.batches * (repetitions + 1)
    with limit_threads(settings.threads):
        timer = StepTimer(workload.bare_loop(steps).step, settings.batches, repetitions)
        workload.train(steps, timer)
    ours, theirs = (
        [1000 * t for t in times[settings.batches :]] for times in (timer.ours, timer.theirs)
    )
    step_time = Comparison(
        title="training step against a bare PyTorch loop, time",
        unit="ms/step",
        conditions=batch_conditions(settings, workload.image_size),
        clothseg=Side("SemanticSegmentation and SegmentationData through Lightning", ours),
        rival=Side("bare PyTorch loop with the same network, images in memory", theirs),
        goal=Goal("<=", 1.02),
    )
    return [step_time, *([_memory(settings, workload.image_size)] if can_measure_memory() else [])]


def _memory(settings: Benchmark, image_size: int) -> Comparison:
    """Compare the peak memory of a few steps, relative to the memory before the first."""
    runs = min(settings.repetitions or MEMORY_RUNS, MEMORY_RUNS)
    sides = [partial(in_fresh_process, side, settings) for side in (our_memory, their_memory)]
    ours, theirs = measure_alternately(sides, runs, warm_up=0)
    steps = f"{settings.batches} step{'' if settings.batches == 1 else 's'} in a fresh process"
    return Comparison(
        title="training step against a bare PyTorch loop, peak memory",
        unit="MB",
        conditions=batch_conditions(settings, image_size),
        clothseg=Side(f"{steps}, through Lightning, relative to the start of training", ours),
        rival=Side(
            f"{steps}, bare loop, relative to its start, at which its images are loaded", theirs
        ),
        goal=Goal("<=", 1.05),
    )


def our_memory(settings: Benchmark) -> float:
    """Peak memory of training through Lightning in this process, megabytes."""
    workload = prepare_workload(settings)
    with limit_threads(settings.threads):
        peak = PeakMemory(settings.batches)
        workload.train(settings.batches, peak)
    return peak.megabytes


def their_memory(settings: Benchmark) -> float:
    """Peak memory of the bare loop in this process, megabytes."""
    workload = prepare_workload(settings)
    with limit_threads(settings.threads):
        loop = workload.bare_loop(settings.batches)
        before = reset_peak_memory()
        for _ in range(settings.batches):
            loop.step()
        return peak_memory() - before


class PeakMemory(pl.Callback):
    """Callback that measures the peak memory from the start of training to its last step.

    Args:
        steps: number of steps after which training stops.
    """

    def __init__(self, steps: int) -> None:
        self.steps, self.megabytes, self._before = steps, 0.0, 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Reset the peak before any batch is loaded."""
        self._before = reset_peak_memory()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Record the peak after the last step."""
        if trainer.global_step == self.steps:
            self.megabytes = peak_memory() - self._before
            trainer.should_stop = True
