"""Pixel counts of imaginary networks on imaginary images, for simulations of tests."""

import numpy as np
from scipy import stats

PRESENCE = np.array([1.0, 0.6, 0.3])
"""Fraction of images that have each class."""


class Photos:
    """Images that are harder or easier for every network.

    Args:
        generator: source of random numbers.
        images: number of images N.
    """

    def __init__(self, generator, images):
        self.generator = generator
        there = generator.random((images, len(PRESENCE))) < PRESENCE
        self.sizes = generator.integers(50, 500, there.shape) * there
        self.ease = generator.normal(0.7, 0.15, (images, 1))

    def counts(self, skill=0.0):
        """Counts of a network int64 [N,3,3]; all networks of the same skill are exchangeable."""
        noise = self.generator.normal(0, 0.1, self.sizes.shape)
        found = np.clip(self.ease + skill + noise, 0, 1)
        true_positive = np.round(self.sizes * found).astype(np.int64)
        false_positive = np.round(self.sizes * (1 - found) / 2).astype(np.int64)
        return np.stack([true_positive, false_positive, self.sizes - true_positive], axis=1)


def at_most(rate, repetitions):
    """Number of events that a rate does not exceed, but for one simulation in 1,000."""
    return stats.binom.isf(1e-3, repetitions, rate)
