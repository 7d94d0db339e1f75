"""How much memory a piece of work takes at most, each in a fresh process; Linux alone tells."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

from clothseg.config.schema import Benchmark

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
FORGET_PEAK = "5"
"""What the kernel takes as: the peak is what there is now."""

Value = TypeVar("Value")


def can_measure_memory() -> bool:
    """Whether this system tells the peak of a stretch of a process's life."""
    return STATUS.is_file() and CLEAR.exists()


def start_of_peak() -> float:
    """Count the peak from now on; returns the memory there is now, megabytes."""
    CLEAR.write_text(FORGET_PEAK)
    return _field("VmRSS")


def peak_memory() -> float:
    """Most resident memory since :func:`start_of_peak`, megabytes."""
    return _field("VmHWM")


def in_fresh_process(work: Callable[[Benchmark], Value], settings: Benchmark) -> Value:
    """What a function of a module returns in a process that has done nothing before."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, fresh) as pool:
        return pool.submit(work, settings).result()


def _field(name: str) -> float:
    lines = STATUS.read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith(f"{name}:"))
    return int(kilobytes) * 1024 / 1e6
