"""What a benchmark gives, and the equal conditions under which it is measured."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from clothseg.check import check_command
from clothseg.schema import Benchmark


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
class Comparison:
    """Measurements of clothseg and of its rival.

    Args:
        unit: of all values.
        goal: the ratio that clothseg means to keep on the real photos.
        image_size: height and width of the photos, pixels.
        clothseg: our side.
        rival: the hand-written side.
    """

    unit: str
    goal: str
    image_size: int
    clothseg: Contestant
    rival: Contestant

    @property
    def ratio(self) -> float:
        """Our median divided by the rival's."""
        return self.clothseg.median / self.rival.median


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
