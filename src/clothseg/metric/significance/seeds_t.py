"""Comparison of two configurations that were trained on one split with several seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from clothseg.metric.average import nan_mean
from clothseg.metric.significance.bootstrap import Draws
from clothseg.metric.significance.terms import Terms


@dataclass(frozen=True)
class SeedsT:
    """Result of the t-test over seeds and images; NaN where it is undefined.

    Args:
        difference: difference of the means over seeds, one minus other, float64, scalar or [K].
        low: lower limit of its confidence interval, of the same shape.
        high: upper limit.
        p: two-sided p-value, 0 to 1.
    """

    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


def seeds_t_test(
    one: Sequence[Terms], other: Sequence[Terms], draws: Draws, confidence: float = 0.95
) -> SeedsT:
    """Test whether two configurations differ, over seeds of the training and over test images.

    Both are sources of chance: another seed would have given other networks, and other test images
    other scores. The variance of the difference is the sum of two: that between seeds, pooled over
    both configurations, and that over draws of images of the difference of the means. What seeds
    and images cause only together is in both, which errs on the safe side.

    Args:
        one: score of each network of a configuration, with the images in the same order.
        other: the same of another; the number of networks may differ.
        draws: draws of these images.
        confidence: confidence of the interval, 0 to 1.

    Raises:
        ValueError: neither has two networks, the scores cannot be compared, or the draws are of
            another number of images.

    Source: Obuchowski and Rockette (1995) for readers and cases, which here are seeds and images;
        Satterthwaite (1946) for the degrees of freedom.
    """
    freedom = len(one) + len(other) - 2
    if freedom < 1:
        raise ValueError("a single network of each configuration does not show the chance of seeds")
    for terms in (*one[1:], *other):
        one[0].require_comparable(terms)
    values = [np.stack([terms.value for terms in terms_of]) for terms_of in (one, other)]
    drawn = [mean_scores(terms_of, draws) for terms_of in (one, other)]
    difference = values[0].mean(0) - values[1].mean(0)
    squares = sum(((value - value.mean(0)) ** 2).sum(0) for value in values)
    of_seeds = squares / freedom * (1 / len(one) + 1 / len(other))
    of_images = _variance(drawn[0] - drawn[1])
    variance = of_seeds + of_images
    with np.errstate(invalid="ignore", divide="ignore"):  # 0/0 is undefined, and 1/0 is certain
        parts = of_seeds**2 / freedom + of_images**2 / (draws.images - 1)
        degrees = np.where(variance > 0, variance**2 / parts, freedom)
        t = np.where(difference == 0, 0.0, difference / np.sqrt(variance))
    t = np.where(np.isnan(difference), np.nan, t)
    half = stats.t.ppf((1 + confidence) / 2, degrees) * np.sqrt(variance)
    p = np.asarray(2 * stats.t.sf(np.abs(t), degrees))
    return SeedsT(difference, difference - half, difference + half, p)


def mean_scores(networks: Sequence[Terms], draws: Draws) -> np.ndarray:
    """Compute the mean score of networks in each draw of images, float64 [B] or [B,K].

    Raises:
        ValueError: the draws are of another number of images.
    """
    return np.asarray(np.mean([draws.scores(network) for network in networks], axis=0))


def _variance(drawn: np.ndarray) -> np.ndarray:
    """Compute the variance over the draws in which a score is defined."""
    return nan_mean((drawn - nan_mean(drawn, axis=0)) ** 2, axis=0)
