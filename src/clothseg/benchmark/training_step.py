"""A training step through Lightning with its data, against a step of a bare PyTorch loop."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytorch_lightning as pl

from clothseg.benchmark.comparison import (
    Comparison,
    Contestant,
    Goal,
    batch_conditions,
    in_turns,
    limited_threads,
)
from clothseg.benchmark.contest import prepared
from clothseg.benchmark.memory import (
    can_measure_memory,
    in_fresh_process,
    peak_memory,
    start_of_peak,
)
from clothseg.config.schema import Benchmark

REPETITIONS = 12
MEMORY_RUNS = 5
"""Processes of each side, at most: each loads the libraries."""


class Turns(pl.Callback):
    """Times the trainer's steps, and after a few of them as many of the rival's.

    A step reaches from the end of the one before to its own end, so that loading and everything
    that the trainer does in between count. The first step of an epoch has no such beginning and is
    not timed. Validation is not, either.

    Args:
        rival: does one step.
        batches: steps of one side in one turn.
        repetitions: turns that count; one more before them warms up.
    """

    def __init__(self, rival: Callable[[], None], batches: int, repetitions: int) -> None:
        self.rival, self.batches = rival, batches
        self.steps = batches * (repetitions + 1)
        self.ours: list[float] = []
        self.theirs: list[float] = []
        self._start: float | None = None

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget the end of the last epoch's last step."""
        self._start = None

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Note the step's time; when the turn is over, let the rival do its steps."""
        if self._start is not None and not trainer.should_stop:
            self.ours.append(time.perf_counter() - self._start)
            if len(self.ours) % self.batches == 0:
                self.theirs += [self._timed_rival() for _ in range(self.batches)]
            trainer.should_stop = len(self.ours) == self.steps
        self._start = time.perf_counter()

    def _timed_rival(self) -> float:
        start = time.perf_counter()
        self.rival()
        return time.perf_counter() - start


def compare(settings: Benchmark) -> list[Comparison]:
    """Time and memory of a step of FPN with EfficientNet-B0, lightly augmented, on the CPU."""
    contest = prepared(settings)
    repetitions = settings.repetitions or REPETITIONS
    steps = settings.batches * (repetitions + 1)
    with limited_threads(settings.threads):
        turns = Turns(contest.bare_loop(steps).step, settings.batches, repetitions)
        contest.train(steps, turns)
    ours, theirs = (
        [1000 * t for t in times[settings.batches :]] for times in (turns.ours, turns.theirs)
    )
    step_time = Comparison(
        title="training step against a bare PyTorch loop, time",
        unit="ms/step",
        conditions=batch_conditions(settings, contest.image_size),
        clothseg=Contestant("SemanticSegmentation and SegmentationData through Lightning", ours),
        rival=Contestant("bare PyTorch loop with the same network, photos in memory", theirs),
        goal=Goal("<=", 1.02),
    )
    return [step_time, *([_memory(settings, contest.image_size)] if can_measure_memory() else [])]


def _memory(settings: Benchmark, image_size: int) -> Comparison:
    """Most memory that a few steps take above what there was before the first."""
    runs = min(settings.repetitions or MEMORY_RUNS, MEMORY_RUNS)
    sides = [partial(in_fresh_process, side, settings) for side in (our_memory, their_memory)]
    ours, theirs = in_turns(sides, runs, warm_up=0)
    steps = f"{settings.batches} step{'' if settings.batches == 1 else 's'} in a process of its own"
    return Comparison(
        title="training step against a bare PyTorch loop, peak memory",
        unit="MB",
        conditions=batch_conditions(settings, image_size),
        clothseg=Contestant(f"{steps}, through Lightning, above the start of the training", ours),
        rival=Contestant(
            f"{steps}, bare loop, above the start; its photos are there before", theirs
        ),
        goal=Goal("<=", 1.05),
    )


def our_memory(settings: Benchmark) -> float:
    """Megabytes that training through Lightning takes in this process."""
    contest = prepared(settings)
    with limited_threads(settings.threads):
        peak = PeakMemory(settings.batches)
        contest.train(settings.batches, peak)
    return peak.megabytes


def their_memory(settings: Benchmark) -> float:
    """Megabytes that the bare loop takes in this process."""
    contest = prepared(settings)
    with limited_threads(settings.threads):
        loop = contest.bare_loop(settings.batches)
        before = start_of_peak()
        for _ in range(settings.batches):
            loop.step()
        return peak_memory() - before


class PeakMemory(pl.Callback):
    """The most memory from the start of a training to the end of its last step.

    Args:
        steps: after which the training stops.
    """

    def __init__(self, steps: int) -> None:
        self.steps, self.megabytes, self._before = steps, 0.0, 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Nothing is loaded yet."""
        self._before = start_of_peak()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Note the peak after the last step."""
        if trainer.global_step == self.steps:
            self.megabytes = peak_memory() - self._before
            trainer.should_stop = True
