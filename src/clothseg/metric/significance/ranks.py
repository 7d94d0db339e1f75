"""Ranks of many networks on the same images, and those that cannot be told from the best."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from clothseg.metric.significance.bootstrap import Draws
from clothseg.metric.significance.holm import holm
from clothseg.metric.significance.paired import permutation_test
from clothseg.metric.significance.terms import Terms


@dataclass(frozen=True)
class Ranking:
    """Ranks of C networks.

    Args:
        scores: score of each, float64 [C].
        drawn_ranks: rank of each in each draw, float64 [B,C]: 1 is the best, and ties share the
            mean of their ranks.
        p_values: p-values of all pairs, adjusted together, float64 [C,C], symmetric; NaN on the
            diagonal.
        alpha: chance of telling apart any two that are equal, 0 to 1.
    """

    scores: np.ndarray
    drawn_ranks: np.ndarray
    p_values: np.ndarray
    alpha: float

    @property
    def mean_ranks(self) -> np.ndarray:
        """Mean rank over draws, float64 [C]."""
        return np.asarray(self.drawn_ranks.mean(0))

    @property
    def best_fraction(self) -> np.ndarray:
        """Fraction of draws in which each is the best, float64 [C]; ties share a draw."""
        is_best = self.drawn_ranks == self.drawn_ranks.min(1, keepdims=True)
        return np.asarray((is_best / is_best.sum(1, keepdims=True)).mean(0))

    @property
    def best(self) -> np.ndarray:
        """True for the highest score and all that cannot be told from it, bool [C]."""
        top = np.argmax(self.scores)
        return np.asarray(~(self.p_values[top] <= self.alpha))


def ranking(
    networks: Sequence[Terms],
    draws: Draws,
    permutations: int = 9_999,
    seed: int = 0,
    alpha: float = 0.05,
) -> Ranking:
    """Rank networks by a score of the dataset, of which higher is better.

    The best is the luckiest of several, so that all pairs are tested, not only those with it.

    Args:
        networks: the same score of each of C >= 2 networks, with the images in the same order.
        draws: draws of these images, for the ranks.
        permutations: number of random permutations for each pair.
        seed: seed of the permutations.
        alpha: chance of telling apart any two that are equal, 0 to 1.

    Raises:
        ValueError: there are fewer than two networks, the scores cannot be compared, are per class
            or undefined, or too few permutations could not tell apart any two.
    """
    pairs = list(combinations(range(len(networks)), 2))
    if not pairs:
        raise ValueError("there are fewer than two networks to rank")
    if len(pairs) > alpha * (permutations + 1):
        raise ValueError(
            f"{permutations} permutations cannot tell apart any of {len(pairs)} pairs at a level "
            f"of {alpha:g}; that takes at least {int(np.ceil(len(pairs) / alpha)) - 1}"
        )
    scores = np.array([network.value for network in networks])
    if scores.ndim != 1 or np.isnan(scores).any():
        raise ValueError("only defined scores of a dataset can be ranked")
    tests = [permutation_test(networks[i], networks[j], permutations, seed) for i, j in pairs]
    p_values = np.full((len(networks),) * 2, np.nan)
    rows, columns = np.array(pairs).T
    p_values[rows, columns] = p_values[columns, rows] = holm(np.array(tests))
    drawn = np.stack([draws.scores(network) for network in networks], axis=1)
    return Ranking(scores, stats.rankdata(-drawn, axis=1), p_values, alpha)
