"""What a benchmark gives, and the equal conditions under which it is measured."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np

from clothseg.config.command_line import check_command
from clothseg.config.schema import Benchmark
from clothseg.run.record import Plain
from clothseg.screen import console


@dataclass(frozen=True)
class Contestant:
    """One side of a comparison.

    Args:
        what: the code that was timed.
        values: every measurement, warm-up left out.
    """

    what: str
    values: Sequence[float]

    @property
    def median(self) -> float:
        """The middle measurement."""
        return float(np.median(self.values))

    @property
    def quartiles(self) -> tuple[float, float]:
        """What a quarter and what three quarters of the measurements do not exceed."""
        low, high = np.quantile(self.values, (0.25, 0.75))
        return float(low), float(high)


@dataclass(frozen=True)
class Goal:
    """What a ratio is meant to be on the real photos.

    Args:
        relation: `<=` or `>=`.
        value: the bound.
    """

    relation: Literal["<=", ">="]
    value: float

    def met(self, ratio: float) -> bool:
        """Whether a ratio is within the bound."""
        return ratio <= self.value if self.relation == "<=" else ratio >= self.value

    def __str__(self) -> str:
        """Such as `>= 6`."""
        return f"{self.relation} {self.value:g}"


@dataclass(frozen=True)
class Comparison:
    """Measurements of clothseg and of its rival.

    Args:
        title: what is compared, in a few words.
        unit: of all values.
        conditions: size of the photos, batches and threads, for people.
        clothseg: our side.
        rival: the hand-written side, or whatever else ours is measured against.
        goal: None where there is nothing to keep.
        times_less: whether the ratio says how many times less ours takes, that is rival / ours;
            otherwise it is ours / rival.
    """

    title: str
    unit: str
    conditions: str
    clothseg: Contestant
    rival: Contestant
    goal: Goal | None = None
    times_less: bool = False

    @property
    def ratio(self) -> float:
        """Quotient of the medians."""
        ours, theirs = self.clothseg.median, self.rival.median
        return theirs / ours if self.times_less else ours / theirs

    @property
    def plain(self) -> Plain:
        """Everything that was measured, for a JSON file."""
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
            "ratio_is": "rival / clothseg" if self.times_less else "clothseg / rival",
            "goal": None if self.goal is None else str(self.goal),
            "goal_met": None if self.goal is None else self.goal.met(self.ratio),
        }


def batch_conditions(settings: Benchmark, image_size: int) -> str:
    """Such as `320 px, batches of 16, 1 thread`."""
    return f"{image_size} px, batches of {settings.batch_size}, {threads(settings.threads)}"


def threads(count: int) -> str:
    """Such as `2 threads`."""
    return "1 thread" if count == 1 else f"{count} threads"


def in_turns(
    sides: Sequence[Callable[[], float]], repetitions: int, warm_up: int = 1
) -> list[list[float]]:
    """Measure several sides one after another, again and again.

    Args:
        sides: each does its work once and returns what it measured.
        repetitions: measurements of each that count.
        warm_up: measurements of each before them.

    Returns:
        The measurements of each side.
    """
    values: list[list[float]] = [[] for _ in sides]
    turns = warm_up + repetitions
    # A screen that is drawn once a second takes no time that could be seen.
    with console.status("timing", refresh_per_second=1) as status:
        for turn in range(turns):
            status.update(f"timing, turn {turn + 1} of {turns}")
            for side, measured in zip(sides, values, strict=True):
                measured.append(side())
    return [measured[warm_up:] for measured in values]


def seconds(work: Callable[[], object]) -> float:
    """How long a piece of work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def training_config(settings: Benchmark, image_size: int, overrides: list[str]) -> dict[str, Any]:
    """The configuration of a training on the benchmark's photos.

    Args:
        settings: of the benchmark.
        image_size: of the photos, pixels.
        overrides: what the benchmark chooses besides.
    """
    ccp = ["dataset=ccp", "dataset.root=."]
    overrides = [
        *overrides,
        *(["dataset=synthetic"] if settings.root is None else ccp),
        f"data.image_size={image_size}",
        f"data.batch_size={settings.batch_size}",
    ]
    config = check_command(overrides)[0].config
    if settings.root is not None:  # not on the line above: a path may hold any character
        config["dataset"]["root"] = settings.root
    return config


@contextmanager
def limited_threads(count: int) -> Iterator[None]:
    """Give PyTorch and OpenCV so many CPU threads for a while."""
    import torch

    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
