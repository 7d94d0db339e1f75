"""How much the pixels of each class count, so that rare classes are not drowned by the background.

Only the training part is looked at: what a network is scored on must not shape its loss.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

if TYPE_CHECKING:
    from clothseg.cache import Cache
    from clothseg.split import Split

Scheme = Literal["paper", "inverse", "sqrt_inverse", "median", "enet", "effective"]
ClassWeights = Scheme | list[Annotated[float, Field(ge=0, allow_inf_nan=False)]]
"""A formula, or one weight for each class in id order."""
Limit = Annotated[float, Field(gt=0)] | None
"""Largest weight before normalisation; None is no limit."""


@dataclass(frozen=True)
class ClassPixels:
    """How often the classes occur in some photos, in units of one photo's pixels.

    Every photo counts the same, because the network sees all of them at one size.

    Args:
        counts: pixels of each class, float64 [K].
        of_photos: pixels of the photos that show the class, float64 [K].
    """

    counts: np.ndarray
    of_photos: np.ndarray

    @classmethod
    def of_training(cls, cache: "Cache", split: "Split", image_size: int) -> "ClassPixels":
        """Those of a split's training part; the cache has counted the pixels of every photo."""
        pixels = cache.pixels[np.isin(cache.names, split.train)]
        total = pixels.sum(1, keepdims=True)
        shares = np.divide(pixels, total, out=np.zeros(pixels.shape), where=total > 0)
        area = image_size**2
        return cls(area * shares.sum(0), area * (shares > 0).sum(0).astype(float))


def class_weights(pixels: ClassPixels, weights: ClassWeights, max_weight: Limit) -> np.ndarray:
    """Weight of each class, float64 [K].

    A formula's weights are cut off at `max_weight` and divided by their mean over the classes that
    occur; a class without a pixel has weight 0. A list is taken as it is.

    Args:
        pixels: how often the classes occur.
        weights: the formula's name or a list, see :func:`raw_weights`.
        max_weight: largest weight before the division.
    """
    if not isinstance(weights, str):
        return np.asarray(weights, float)
    raw = raw_weights(pixels, weights)
    if max_weight is not None:
        raw = np.minimum(raw, max_weight)
    present = pixels.counts > 0
    mean = raw[present].mean() if present.any() else 0
    return raw / mean if mean > 0 else present.astype(float)  # one class alone needs no weight


def raw_weights(pixels: ClassPixels, scheme: Scheme) -> np.ndarray:
    """Weights by a formula, float64 [K], 0 for a class without a pixel.

    With n the pixels of a class, N those of all classes, and K the number of classes that occur:
    `paper` (N - n) / n; `inverse` N / (K n); `sqrt_inverse` its root; `median` the median of f
    over f, f being n over the pixels of the photos that show the class; `enet` 1 / log(1.02 + n/N);
    `effective` (1 - b) / (1 - b^n) with b = 1 - 1/N.

    Source: castro2019, section 8.1, after Sudre et al. 2017 (`paper`); Eigen and Fergus 2015
        (`median`); Paszke et al., ENet, 2016; Cui et al., Class-balanced loss, 2019 (`effective`).
    """
    present = pixels.counts > 0
    n, of_photos = pixels.counts[present], pixels.of_photos[present]
    total = n.sum()
    if scheme == "paper":
        found = (total - n) / n
    elif scheme == "inverse":
        found = total / (len(n) * n)
    elif scheme == "sqrt_inverse":
        found = np.sqrt(total / (len(n) * n))
    elif scheme == "median":
        frequency = n / of_photos
        found = np.median(frequency) / frequency
    elif scheme == "enet":
        found = 1 / np.log(1.02 + n / total)
    else:
        # As it stands, 1 - b^n is lost in rounding for the few pixels of a rare class.
        found = (1 / total) / -np.expm1(n * math.log1p(-1 / total))
    weights = np.zeros(len(present))
    weights[present] = found
    return weights


def described(weights: Sequence[float], names: Sequence[str]) -> str:
    """Weights for people, the largest first."""
    pairs = sorted(zip(weights, names, strict=True), reverse=True)
    return ", ".join(f"{name} {weight:.3g}" for weight, name in pairs)
