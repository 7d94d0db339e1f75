"""Class weights, so that the background does not dominate rare classes.

They depend on the training part only: evaluation data must not influence the loss.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from clothseg.geometry import Frame

if TYPE_CHECKING:
    from clothseg.cache import Census
    from clothseg.split import Split

Scheme = Literal["paper", "inverse", "sqrt_inverse", "median", "enet", "effective"]
ClassWeights = Scheme | list[Annotated[float, Field(ge=0, allow_inf_nan=False)]]
"""A formula, or one weight per class in id order."""
Limit = Annotated[float, Field(gt=0)] | None
"""Largest weight before normalization; None for no limit."""


@dataclass(frozen=True)
class ClassPixels:
    """Class frequencies in a set of images, in pixels of the network's input.

    The weight of an image is the part of the input that it fills, which is equal for all of them
    except in a letterbox. The classes of an image are those of all of it, also if it is cropped.

    Args:
        counts: pixels of each class, float64 [K].
        of_images: total pixels of the images that contain the class, float64 [K].
    """

    counts: np.ndarray
    of_images: np.ndarray

    @classmethod
    def of_training(cls, census: "Census", split: "Split", frame: Frame) -> "ClassPixels":
        """Class frequencies in the training part of a split, from the counts of a census."""
        train = np.isin(census.names, split.train)
        pixels, filled = census.pixels[train], frame.filled(census.sizes[train])[:, None]
        total = pixels.sum(1, keepdims=True)
        fractions = np.divide(pixels, total, out=np.zeros(pixels.shape), where=total > 0)
        area = frame.height * frame.width
        of_images = (filled * (fractions > 0)).sum(0)
        return cls(area * (filled * fractions).sum(0), area * of_images)


def class_weights(pixels: ClassPixels, weights: ClassWeights, max_weight: Limit) -> np.ndarray:
    """Compute the weight of each class, float64 [K].

    Weights of a formula are clipped at `max_weight` and divided by their mean over the classes that
    occur; a class without pixels has weight 0. A list is used unchanged.

    Args:
        pixels: class frequencies.
        weights: name of the formula or a list, see :func:`raw_weights`.
        max_weight: largest weight before normalization.
    """
    if not isinstance(weights, str):
        return np.asarray(weights, float)
    raw = raw_weights(pixels, weights)
    if max_weight is not None:
        raw = np.minimum(raw, max_weight)
    present = pixels.counts > 0
    mean = raw[present].mean() if present.any() else 0
    return raw / mean if mean > 0 else present.astype(float)  # `paper` gives 0 to a single class


def raw_weights(pixels: ClassPixels, scheme: Scheme) -> np.ndarray:
    """Compute class weights by a formula, float64 [K]; 0 for a class without pixels.

    With n the pixels of a class, N those of all classes, and K the number of classes that occur:
    `paper` (N - n) / n; `inverse` N / (K n); `sqrt_inverse` its square root; `median` median(f) / f
    where f is n over the pixels of the images that contain the class; `enet` 1 / log(1.02 + n/N);
    `effective` (1 - b) / (1 - b^n) with b = 1 - 1/N.

    Source: castro2019, section 8.1, after Sudre et al. 2017 (`paper`); Eigen and Fergus 2015
        (`median`); Paszke et al., ENet, 2016; Cui et al., Class-balanced loss, 2019 (`effective`).
    """
    present = pixels.counts > 0
    n, of_images = pixels.counts[present], pixels.of_images[present]
    total = n.sum()
    if scheme == "paper":
        values = (total - n) / n
    elif scheme == "inverse":
        values = total / (len(n) * n)
    elif scheme == "sqrt_inverse":
        values = np.sqrt(total / (len(n) * n))
    elif scheme == "median":
        frequency = n / of_images
        values = np.median(frequency) / frequency
    elif scheme == "enet":
        values = 1 / np.log(1.02 + n / total)
    else:
        # Evaluating 1 - b^n directly loses all precision for rare classes.
        values = (1 / total) / -np.expm1(n * math.log1p(-1 / total))
    weights = np.zeros(len(present))
    weights[present] = values
    return weights


def describe_weights(weights: Sequence[float], names: Sequence[str]) -> str:
    """Format class weights for the console, the largest first."""
    pairs = sorted(zip(weights, names, strict=True), reverse=True)
    return ", ".join(f"{name} {weight:.3g}" for weight, name in pairs)
