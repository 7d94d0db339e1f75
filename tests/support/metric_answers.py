"""Independently computed reference values of the metrics, read from their file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CASES = (
    "random_ignore",
    "absent_classes",
    "single_class_images",
    "all_ignored",
    "one_image_ignored",
    "components",
    "ccp15",
    "ccp15_ignore_edges",
    "ccp15_good",
    "ccp15_perfect",
    "ccp59",
)


@dataclass(frozen=True)
class Case:
    """Masks uint8 [N,H,W], number of classes, and reference values by name."""

    prediction: np.ndarray
    target: np.ndarray
    classes: int
    expect: Callable[[str], np.ndarray]


def read_case(oracles: Path, name: str) -> Case:
    """Read one case from the file of reference values."""
    with np.load(oracles / "metrics" / "metrics.npz") as file:
        arrays = {key[len(name) + 1 :]: file[key] for key in file if key.startswith(f"{name}/")}
    return Case(
        arrays["pred"],
        arrays["target"],
        int(arrays["num_classes"]),
        lambda key: arrays[f"expect/{key}"],
    )


def assert_close(actual: object, expected: object) -> None:
    """Assert agreement to float64 precision; NaN must match NaN."""
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-9, equal_nan=True)
