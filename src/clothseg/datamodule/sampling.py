"""Sampling, order and sharding of the training images of an epoch."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler


@dataclass(frozen=True)
class Shard:
    """Shard of every batch that one process of a run receives.

    Args:
        rank: rank of the process.
        world_size: number of processes of the run.
    """

    rank: int = 0
    world_size: int = 1


def image_weights(presence: np.ndarray, sampling: str, repeat_threshold: float) -> np.ndarray:
    """Compute relative sampling weights of the training images, float64 [N].

    `class_balanced` samples a class uniformly, then an image that contains it. `repeat_factor`
    weights an image by its rarest class: by max(1, sqrt(`repeat_threshold` / f)), where f is the
    fraction of images that contain the class.

    Args:
        presence: presence of each class in each image, bool [N,K].
        sampling: `class_balanced` or `repeat_factor`.
        repeat_threshold: fraction of images below which a class counts as rare.

    Source: Gupta, Dollár and Girshick, LVIS, 2019, appendix B (`repeat_factor`).
    """
    present = presence[:, presence.any(0)].astype(float)
    if sampling == "class_balanced":
        return np.asarray((present / present.sum(0)).sum(1))
    factors = np.maximum(1, np.sqrt(repeat_threshold / present.mean(0)))
    return np.asarray((present * factors).max(1, initial=1))


Key = tuple[int, ...]
"""Epoch, position of an image and, from its second occurrence in the epoch on, the repetition."""


class EpochOrder(Sampler[Key]):
    """Sampler of training images as keys, in an order that depends only on seed and epoch.

    Keys include the epoch, so that worker processes need not track it, and the repetition, so that
    repeated images are augmented differently. The processes of a run split each batch, so that
    together they see the same batches as a single process.

    Args:
        length: number of training images.
        seed: seed of the run.
        batch_size: images per training step over all processes; an incomplete last batch is
            dropped, because batch normalization cannot train on a single image.
        shard: this process's shard of every batch.
        weights: relative sampling weights, float [N]; None samples every image once.
    """

    def __init__(
        self,
        length: int,
        seed: int,
        batch_size: int,
        shard: Shard,
        weights: np.ndarray | None = None,
    ) -> None:
        self.length, self.seed, self.epoch = length, seed, 0
        self.steps, self.batch_size, self.shard = length // batch_size, batch_size, shard
        self.weights = weights

    def set_epoch(self, epoch: int) -> None:
        """Set the next epoch; called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of images that this process receives per epoch."""
        return self.steps * self.batch_size // self.shard.world_size

    def __iter__(self) -> Iterator[Key]:
        """Iterate over the keys of the current epoch."""
        generator = np.random.default_rng((self.seed, self.epoch))
        order = generator.permutation(self._sample(generator))
        seen: Counter[int] = Counter()
        keys: list[Key] = []
        for position in order[: self.steps * self.batch_size].tolist():
            repetition = (seen[position],) if seen[position] else ()
            keys.append((self.epoch, position, *repetition))
            seen[position] += 1
        shard_size = self.batch_size // self.shard.world_size
        starts = range(self.shard.rank * shard_size, len(keys), self.batch_size)
        return iter([key for start in starts for key in keys[start : start + shard_size]])

    def _sample(self, generator: np.random.Generator) -> "int | np.ndarray":
        """Sample the images of an epoch before shuffling; a number n stands for range(n).

        Systematic sampling: an image with an expected count of 2.3 occurs two or three times.
        """
        if self.weights is None:
            return self.length
        ends = np.cumsum(self.weights) / self.weights.sum()
        points = (generator.random() + np.arange(self.length)) / self.length
        return np.searchsorted(ends, points).clip(max=self.length - 1)


def derive_seed(*parts: int) -> int:
    """Derive a seed in [0, 2^31) from all `parts`, such as (seed, epoch, index)."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1
