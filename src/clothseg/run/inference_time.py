"""Inference time of a network."""

import time

import numpy as np

from clothseg.task.segmenter import Segmenter

WARM_UP, TIMED = (10, 0.05), (50, 0.2)
"""Maximum forward passes, and seconds after which no further one begins, before and during the
measurement of the inference time: a quarter of a second, or two passes of a slow network."""


def inference_ms(segmenter: Segmenter, size: tuple[int, int]) -> float:
    """Median inference time for one image of a height and width in pixels, milliseconds."""
    image = np.zeros((1, *size, 3), np.uint8)
    _pass_seconds(segmenter, image, *WARM_UP)
    return 1000 * float(np.median(_pass_seconds(segmenter, image, *TIMED)))


def _pass_seconds(
    segmenter: Segmenter, image: np.ndarray, passes: int, seconds: float
) -> list[float]:
    """Time forward passes until their number or the time is used up; at least one."""
    times: list[float] = []
    while not times or (len(times) < passes and sum(times) < seconds):
        start = time.perf_counter()
        segmenter.predict(image)  # ends with a copy to the CPU, which synchronizes with the device
        times.append(time.perf_counter() - start)
    return times
