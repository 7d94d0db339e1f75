"""Which training photos an epoch consists of, in which order, and which process sees which."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler


@dataclass(frozen=True)
class Shard:
    """What one of several processes that work together sees: its part of every batch.

    Args:
        rank: which of them it is.
        world_size: how many there are.
    """

    rank: int = 0
    world_size: int = 1


def image_weights(presence: np.ndarray, sampling: str, repeat_threshold: float) -> np.ndarray:
    """How often each training photo is drawn, in proportion, float64 [N].

    `class_balanced` draws a class, each as likely, and then a photo that shows it.
    `repeat_factor` draws a photo the more often, the rarer its rarest class is: by the root of
    `repeat_threshold` / share of the photos with the class, where that is above 1.

    Args:
        presence: whether a photo has a class, bool [N,K].
        sampling: `class_balanced` or `repeat_factor`.
        repeat_threshold: share of the photos below which a class counts as rare.

    Source: Gupta, Dollár and Girshick, LVIS, 2019, appendix B (`repeat_factor`).
    """
    some = presence[:, presence.any(0)].astype(float)
    if sampling == "class_balanced":
        return (some / some.sum(0)).sum(1)
    factors = np.maximum(1, np.sqrt(repeat_threshold / some.mean(0)))
    return np.maximum(1, (some * factors).max(1, initial=1))


Key = tuple[int, ...]
"""Epoch, position of a photo, and, when it has come in that epoch before, how often."""


class EpochOrder(Sampler[Key]):
    """Training photos as keys, in an order that seed and epoch alone decide.

    The epoch travels with the position, so that loader processes need not be told about it, and so
    does the number of the repetition, so that a photo is changed otherwise each time. Several
    processes divide each batch among them, so that together they see what one alone would see.

    Args:
        length: number of training photos.
        seed: seed of the run.
        batch_size: photos in one training step over all processes; an incomplete batch at the end
            is left out, because batch normalisation cannot train on one photo.
        share: the process's part of every batch.
        weights: how often each photo is drawn, in proportion, float [N]; None draws each once.
    """

    def __init__(
        self,
        length: int,
        seed: int,
        batch_size: int,
        share: Shard,
        weights: np.ndarray | None = None,
    ) -> None:
        self.length, self.seed, self.epoch = length, seed, 0
        self.steps, self.batch_size, self.share = length // batch_size, batch_size, share
        self.weights = weights

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that is drawn next; Lightning calls this before each one."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of photos that this process sees."""
        return self.steps * self.batch_size // self.share.world_size

    def __iter__(self) -> Iterator[Key]:
        """The photos of the current epoch."""
        generator = np.random.default_rng((self.seed, self.epoch))
        order = generator.permutation(self._drawn(generator))
        seen: Counter[int] = Counter()
        keys: list[Key] = []
        for position in order[: self.steps * self.batch_size].tolist():
            again = (seen[position],) if seen[position] else ()
            keys.append((self.epoch, position, *again))
            seen[position] += 1
        each = self.batch_size // self.share.world_size
        mine = range(self.share.rank * each, len(keys), self.batch_size)
        return iter([key for start in mine for key in keys[start : start + each]])

    def _drawn(self, generator: np.random.Generator) -> "int | np.ndarray":
        """The photos of an epoch before they are mixed; a number stands for each of them once.

        Systematic sampling: a photo that is due 2.3 times comes two or three times.
        """
        if self.weights is None:
            return self.length
        ends = np.cumsum(self.weights) / self.weights.sum()
        points = (generator.random() + np.arange(self.length)) / self.length
        return np.searchsorted(ends, points).clip(max=self.length - 1)
