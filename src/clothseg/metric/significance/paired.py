"""Comparison of two trained networks on the same images."""

from collections.abc import Iterator

import numpy as np

from clothseg.metric.significance.bootstrap import Draws, Interval, percentile_interval
from clothseg.metric.significance.terms import Terms, block_lengths, weighted_sums

ROUNDING = 1e-12
"""Differences of scores that are this close are equal: rounding alone can separate them."""


def difference(one: Terms, other: Terms, draws: Draws, confidence: float = 0.95) -> Interval:
    """Compute the interval of the difference of two scores, one minus other, on the same draws.

    Args:
        one: score of a network.
        other: the same score of another, with the images in the same order.
        draws: draws of these images.
        confidence: fraction of draws in the interval, 0 to 1.

    Raises:
        ValueError: the scores cannot be compared, or the draws are of another number of images.
    """
    one.require_comparable(other)
    drawn = draws.scores(one) - draws.scores(other)
    return percentile_interval(one.value - other.value, drawn, confidence)


def permutation_test(
    one: Terms, other: Terms, permutations: int = 9_999, seed: int = 0
) -> np.ndarray:
    """Test by permutations whether two networks differ in a score.

    The null hypothesis is that the two may be exchanged on any image without a trace: each
    permutation does so with probability 1/2 per image. All 2^N are enumerated if they are not more
    than `permutations`; random ones include the one observed, so that p is never 0.

    Args:
        one: score of a network.
        other: the same score of another, with the images in the same order.
        permutations: number of random permutations P.
        seed: seed of the random numbers; equal seeds give equal permutations.

    Returns:
        Two-sided p-value, from 1/(P+1) to 1, float64, scalar or [K]; NaN if either score is
        undefined. A permutation that leaves a score undefined counts against a difference.

    Raises:
        ValueError: the scores cannot be compared.

    Source: Phipson and Smyth (2010), Permutation P-values should never be zero.
    """
    one.require_comparable(other)
    images, is_exact = len(one.images), 2 ** len(one.images) <= permutations
    swaps = _all_swaps(images) if is_exact else _random_swaps(images, permutations, seed)
    # Whatever one gains by a swap the other loses, so that one product serves both.
    gain = weighted_sums(swaps, other.images - one.images)
    exchanged = one.values(one.images.sum(0) + gain) - other.values(other.images.sum(0) - gain)
    observed = one.value - other.value
    smaller = np.abs(exchanged) < np.abs(observed) - ROUNDING
    extra = 0 if is_exact else 1
    p = (np.count_nonzero(~smaller, axis=0) + extra) / (len(exchanged) + extra)
    return np.where(np.isnan(observed), np.nan, p)


def _random_swaps(images: int, permutations: int, seed: int) -> Iterator[np.ndarray]:
    """Yield 1 for the images that a permutation swaps and 0 for others, in blocks [b,N]."""
    generator = np.random.default_rng(seed)
    for rows in block_lengths(permutations, images):
        yield generator.integers(2, size=(rows, images), dtype=np.int8).astype(np.float64)


def _all_swaps(images: int) -> Iterator[np.ndarray]:
    """Yield the same for each of the 2^N permutations."""
    yield (np.arange(2**images)[:, None] >> np.arange(images) & 1).astype(np.float64)
