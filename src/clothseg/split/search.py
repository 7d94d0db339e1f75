"""Search for a sample of images with a minimum number of instances of every class."""

from dataclasses import dataclass

import numpy as np

MAX_TRIALS = 5_000
"""Images to try in swaps before the search gives up; takes a few seconds for ModaNet."""

MAX_RESTARTS = 20
"""Number of random initial samples."""


@dataclass
class Search:
    """Random samples, repaired by swaps until every class has the minimum number of instances.

    Args:
        counts: instances of each class in each near-duplicate group, int64 [G,K].
        sizes: images in each group, int [G].
        images: number of images to choose.
        minimum: required instances among them: of every class, or of each class int64 [K].
        random: random number generator.
        trials: remaining number of images to try in swaps, over all restarts.

    Attributes:
        best: instances of each class in the best sample so far, int64 [K]; None if no sample had
            the right number of images.
    """

    counts: np.ndarray
    sizes: np.ndarray
    images: int
    minimum: int | np.ndarray
    random: np.random.Generator
    trials: int = MAX_TRIALS
    best: np.ndarray | None = None

    def run(self) -> np.ndarray | None:
        """Return the chosen groups, bool [G]; None if no sample could be repaired."""
        for _ in range(MAX_RESTARTS):
            chosen = self._sample()
            if chosen is not None and self._repair(chosen):
                return chosen
        return None

    def _sample(self) -> np.ndarray | None:
        """Choose groups in random order, skipping those that would exceed the number of images.

        None if the number is not reached exactly, e.g. an odd number from pairs only.
        """
        chosen = np.zeros(len(self.sizes), bool)
        remaining = self.images
        for group in self.random.permutation(len(self.sizes)):
            if self.sizes[group] <= remaining:
                chosen[group] = True
                remaining -= self.sizes[group]
        return chosen if remaining == 0 else None

    def _repair(self, chosen: np.ndarray) -> bool:
        """Swap groups until no instances are missing; each swap lowers their number, so it ends."""
        total = self.counts[chosen].sum(0)
        while (missing := int(self._missing(total))) > 0:
            swap = self._find_swap(chosen, total, missing)
            if swap is None:
                break
            outside, inside = swap
            chosen[outside], chosen[inside] = True, False
            total = total + self.counts[outside] - self.counts[inside]
        if self.best is None or missing < self._missing(self.best):
            self.best = total
        return missing == 0

    def _find_swap(
        self, chosen: np.ndarray, total: np.ndarray, missing: int
    ) -> tuple[int, int] | None:
        """Find two groups (outside, inside) of equal size whose swap reduces missing instances."""
        short = total < self.minimum
        candidates = np.flatnonzero(~chosen & self.counts[:, short].any(1))
        for outside in self.random.permutation(candidates):
            if self.trials == 0:
                return None
            self.trials -= 1
            partners = np.flatnonzero(chosen & (self.sizes == self.sizes[outside]))
            after = self._missing(total + self.counts[outside] - self.counts[partners])
            if len(partners) and after.min() < missing:
                return outside, self.random.choice(partners[after == after.min()])
        return None

    def _missing(self, total: np.ndarray) -> np.ndarray:
        """Count missing instances of all classes: totals int64 [...,K] to int64 [...]."""
        return np.asarray(np.maximum(self.minimum - total, 0).sum(-1))
