"""Peak memory of a function in a fresh process; available on Linux only."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

from clothseg.config.settings import Benchmark

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
RESET_PEAK = "5"
"""Value that makes the kernel reset the peak to the current memory."""

Value = TypeVar("Value")


def can_measure_memory() -> bool:
    """Return whether the system can reset and report the peak memory of a process."""
    return STATUS.is_file() and CLEAR.exists()


def reset_peak_memory() -> float:
    """Reset the peak memory; return the current resident memory in megabytes."""
    CLEAR.write_text(RESET_PEAK)
    return _field("VmRSS")


def peak_memory() -> float:
    """Peak resident memory since :func:`reset_peak_memory`, megabytes."""
    return _field("VmHWM")


def in_fresh_process(work: Callable[[Benchmark], Value], settings: Benchmark) -> Value:
    """Run a module-level function in a fresh process and return its result."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as pool:
        return pool.submit(work, settings).result()


def _field(name: str) -> float:
    lines = STATUS.read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith(f"{name}:"))
    return int(kilobytes) * 1024 / 1e6
