"""Results of a benchmark, and the equal conditions under which both sides are measured."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from clothseg.config.command_line import check_command
from clothseg.config.run_config import RunConfig
from clothseg.config.settings import Benchmark
from clothseg.json_file import Plain
from clothseg.terminal.screen import console


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Args:
        what: description of the measured code.
        values: all measurements except the warm-up.
    """

    what: str
    values: Sequence[float]

    @property
    def median(self) -> float:
        """Median of the measurements."""
        return float(np.median(self.values))

    @property
    def quartiles(self) -> tuple[float, float]:
        """First and third quartile of the measurements."""
        low, high = np.quantile(self.values, (0.25, 0.75))
        return float(low), float(high)


@dataclass(frozen=True)
class Goal:
    """Bound on a ratio, measured on the real images.

    Args:
        relation: `<=` or `>=`.
        value: the bound.
    """

    relation: Literal["<=", ">="]
    value: float

    def met(self, ratio: float) -> bool:
        """Return whether a ratio is within the bound."""
        return ratio <= self.value if self.relation == "<=" else ratio >= self.value

    def __str__(self) -> str:
        """Relation and bound, such as `>= 6`."""
        return f"{self.relation} {self.value:g}"


@dataclass(frozen=True)
class Comparison:
    """Measurements of clothseg and of its baseline.

    Args:
        title: short name of the comparison.
        unit: unit of all values.
        conditions: image size, batch size and threads, as text.
        clothseg: measurements of clothseg.
        rival: measurements of the hand-written or other baseline.
        goal: bound on the ratio; None without one.
        is_speedup: True if the ratio is rival / clothseg, False if it is clothseg / rival.
    """

    title: str
    unit: str
    conditions: str
    clothseg: Side
    rival: Side
    goal: Goal | None = None
    is_speedup: bool = False

    @property
    def ratio(self) -> float:
        """Ratio of the medians."""
        ours, theirs = self.clothseg.median, self.rival.median
        return theirs / ours if self.is_speedup else ours / theirs

    @property
    def plain(self) -> Plain:
        """All measurements as JSON-serializable data."""
        sides = {
            name: {
                "what": side.what,
                "median": side.median,
                "quartiles": list(side.quartiles),
                "values": list(side.values),
            }
            for name, side in (("clothseg", self.clothseg), ("rival", self.rival))
        }
        return {
            "title": self.title,
            "unit": self.unit,
            "conditions": self.conditions,
            **sides,
            "ratio": self.ratio,
            "ratio_is": "rival / clothseg" if self.is_speedup else "clothseg / rival",
            "goal": None if self.goal is None else str(self.goal),
            "goal_met": None if self.goal is None else self.goal.met(self.ratio),
        }


def batch_conditions(settings: Benchmark, image_size: int) -> str:
    """Text such as `320 px, batches of 16, 1 thread`."""
    return f"{image_size} px, batches of {settings.batch_size}, {thread_count(settings.threads)}"


def thread_count(count: int) -> str:
    """Text such as `2 threads`."""
    return "1 thread" if count == 1 else f"{count} threads"


def measure_alternately(
    sides: Sequence[Callable[[], float]], repetitions: int, warm_up: int = 1
) -> list[list[float]]:
    """Measure several sides in alternation.

    Args:
        sides: functions that run once and return their measurement.
        repetitions: number of measurements per side.
        warm_up: number of discarded measurements per side before them.

    Returns:
        Measurements of each side.
    """
    values: list[list[float]] = [[] for _ in sides]
    rounds = warm_up + repetitions
    # One refresh per second does not affect the measurements.
    with console.status("timing", refresh_per_second=1) as status:
        for number in range(rounds):
            status.update(f"timing, round {number + 1} of {rounds}")
            for side, measured in zip(sides, values, strict=True):
                measured.append(side())
    return [measured[warm_up:] for measured in values]


def elapsed_seconds(work: Callable[[], object]) -> float:
    """Run a function and return its run time in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def training_config(settings: Benchmark, image_size: int, overrides: list[str]) -> RunConfig:
    """Configuration of a training run on the images of the benchmark.

    Args:
        settings: settings of the benchmark.
        image_size: height and width of the images, pixels.
        overrides: further overrides of the benchmark.
    """
    ccp = ["dataset=ccp", "dataset.root=."]
    overrides = [
        *overrides,
        *(["dataset=synthetic"] if settings.root is None else ccp),
        f"data.image_size={image_size}",
        f"data.batch_size={settings.batch_size}",
    ]
    config = check_command(overrides)[0].config
    if settings.root is None:
        return config
    # Not an override: a path may contain any character.
    return config.changed(dataset={"root": settings.root})


@contextmanager
def limit_threads(count: int) -> Iterator[None]:
    """Limit the CPU threads of PyTorch and OpenCV within a context."""
    import torch

    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
