"""Bootstrap over images: the scores that other test images of the same kind would have given."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from clothseg.metric.significance.terms import Terms, block_lengths, weighted_sums


@dataclass(frozen=True)
class Interval:
    """Confidence interval of a score or of a difference; all NaN if it is undefined.

    Args:
        value: score of all images, float64, scalar or [K].
        low: lower limit, of the same shape.
        high: upper limit, of the same shape.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Draws:
    """Random draws of as many images with replacement, the same wherever they are used.

    Equal arguments give equal draws, so that configurations that are compared see the same images.

    Args:
        images: number of images N.
        number: number of draws B.
        seed: seed of the random numbers.
    """

    images: int
    number: int = 2000
    seed: int = 0

    def weights(self) -> Iterator[np.ndarray]:
        """Yield how often each draw has each image, in blocks float64 [b,N] whose rows sum to N."""
        generator = np.random.default_rng(self.seed)
        for rows in block_lengths(self.number, self.images):
            cells = generator.integers(self.images, size=(rows, self.images))
            cells += self.images * np.arange(rows)[:, None]
            counts = np.bincount(cells.ravel(), minlength=cells.size)
            yield counts.reshape(cells.shape).astype(np.float64)

    def scores(self, terms: Terms) -> np.ndarray:
        """Compute the score of each draw, float64 [B], or [B,K] per class.

        A class that a draw lacks is NaN there, and left out of the draw's mean over classes.

        Raises:
            ValueError: the draws are of another number of images.
        """
        if len(terms.images) != self.images:
            raise ValueError(f"draws of {self.images} images cannot be of {len(terms.images)}")
        return terms.values(weighted_sums(self.weights(), terms.images))


def interval(terms: Terms, draws: Draws, confidence: float = 0.95) -> Interval:
    """Compute the percentile interval of a score.

    Intervals of classes in few images are too narrow: in simulations, those of 95 % had the score
    in 92 to 95 % of cases for the mean IoU of 50 to 1,000 images, but in about 90 % for the IoU of
    a class in 10 images, and 60 % for one in two or three. BCa intervals were no better.

    Args:
        terms: the score, and the terms of each image.
        draws: draws of these images.
        confidence: fraction of draws in the interval, 0 to 1.

    Raises:
        ValueError: the draws are of another number of images.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), Chapter 13.
    """
    return percentile_interval(terms.value, draws.scores(terms), confidence)


def percentile_interval(value: np.ndarray, drawn: np.ndarray, confidence: float) -> Interval:
    """Compute the interval from the values of all draws [B] or [B,K]; undefined ones are left out.

    The value itself is always in it: a class that few images have is missing in many draws, whose
    means over the other classes can all lie on one side of the value.

    Args:
        value: value of all images, scalar or [K].
        drawn: value of each draw.
        confidence: fraction of draws in the interval, 0 to 1.
    """
    tail = (1 - confidence) / 2
    columns = drawn.reshape(len(drawn), -1).T
    defined = [column[~np.isnan(column)] for column in columns]
    limits = np.array(
        [np.quantile(c, [tail, 1 - tail]) if len(c) else (np.nan, np.nan) for c in defined]
    )
    limits[np.isnan(value).reshape(-1)] = np.nan
    low, high = (limit.reshape(value.shape) for limit in limits.T)
    return Interval(value, np.minimum(low, value), np.maximum(high, value))
