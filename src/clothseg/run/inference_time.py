"""Inference time of a network."""

import time
from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np

from clothseg.task.parser import Parser
from clothseg.task.segmenter import Segmenter

WARM_UP, TIMED = (10, 0.05), (50, 0.2)
"""Maximum forward passes, and seconds after which no further one begins, before and during the
measurement of the inference time: a quarter of a second, or two passes of a slow network."""


def inference_ms(network: Any, size: tuple[int, int]) -> float:
    """Median inference time for one image of a height and width in pixels, milliseconds.

    That of human parsing includes the assignment of pixels to people.
    """
    infer = inference(network, np.zeros((*size, 3), np.uint8))
    _pass_seconds(infer, *WARM_UP)
    return 1000 * float(np.median(_pass_seconds(infer, *TIMED)))


@singledispatch
def inference(network: Any, image: np.ndarray) -> Callable[[], Any]:
    """Return a function that applies a network to an image uint8 [H,W,3].

    It ends with a copy to the CPU, which synchronizes with the device.
    """
    raise TypeError(f"{type(network).__name__} predicts nothing")


@inference.register
def _(network: Segmenter, image: np.ndarray) -> Callable[[], Any]:
    return lambda: network.predict(image[None])


@inference.register
def _(network: Parser, image: np.ndarray) -> Callable[[], Any]:
    return lambda: network.predict(image, image.shape[:2])


def _pass_seconds(infer: Callable[[], Any], passes: int, seconds: float) -> list[float]:
    """Time passes until their number or the time is used up; at least one."""
    times: list[float] = []
    while not times or (len(times) < passes and sum(times) < seconds):
        start = time.perf_counter()
        infer()
        times.append(time.perf_counter() - start)
    return times
