"""Batches from the cache: exact to resume, equal for any number of loader processes."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from clothseg.augmentation import Augmentation
from clothseg.cache import Cache
from clothseg.error import ConfigError
from clothseg.split import Split


def derived_seed(*parts: int) -> int:
    """A seed in [0, 2^31) that depends on all `parts`, such as (seed, epoch, index)."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


class EpochOrder(Sampler[tuple[int, int]]):
    """Training photos as (epoch, position), in an order that seed and epoch alone decide.

    The epoch travels with the position, so that loader processes need not be told about it.

    Args:
        length: number of training photos.
        seed: seed of the run.
    """

    def __init__(self, length: int, seed: int) -> None:
        self.length, self.seed, self.epoch = length, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that is drawn next; Lightning calls this before each one."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of photos."""
        return self.length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """The photos of the current epoch."""
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.length)
        return iter([(self.epoch, int(position)) for position in order])


class CachedPhotos(Dataset[dict[str, Any]]):
    """Photos of one part of a split, by position; training photos by (epoch, position).

    Args:
        cache: all decoded photos.
        names: the photos of this part.
        augmentation: random changes, or None for photos as they are.
        seed: seed of the run.
    """

    def __init__(
        self, cache: Cache, names: list[str], augmentation: Augmentation | None, seed: int
    ) -> None:
        self.cache, self.augmentation, self.seed = cache, augmentation, seed
        place = {name: index for index, name in enumerate(cache.names)}
        self.indices = [place[name] for name in names]

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.indices)

    def __getitem__(self, key: int | tuple[int, int]) -> dict[str, Any]:
        """One sample in the form that :mod:`clothseg.dataset` states."""
        epoch, position = key if isinstance(key, tuple) else (0, key)
        index = self.indices[position]
        # A copy, because memory-mapped arrays are read-only and torch wants to own its memory.
        image, mask = np.array(self.cache.images[index]), np.array(self.cache.masks[index])
        if self.augmentation is not None:
            seed = derived_seed(self.seed, epoch, index)
            image, mask = self.augmentation(image, mask, seed)
        return {
            "image": torch.from_numpy(np.ascontiguousarray(image)),
            "mask": torch.from_numpy(np.ascontiguousarray(mask)),
            "name": self.cache.names[index],
            "index": index,
        }


class SegmentationData(pl.LightningDataModule):
    """The three parts of a split as batches.

    Args:
        cache: all decoded photos.
        split: which photo is in which part.
        augmentation: random changes of training photos.
        batch_size: photos in one training step.
        workers: loader processes.
        seed: seed of order and augmentation.

    Raises:
        ConfigError: a batch holds more photos than there are to train on.
    """

    def __init__(
        self,
        cache: Cache,
        split: Split,
        augmentation: Augmentation,
        batch_size: int,
        workers: int,
        seed: int,
    ) -> None:
        super().__init__()
        if len(split.train) < batch_size:
            raise ConfigError(
                [
                    f"data.batch_size={batch_size}: there are only "
                    f"{len(split.train)} photos to train on"
                ]
            )
        self.cache, self.split, self.augmentation = cache, split, augmentation
        self.batch_size, self.workers, self.seed = batch_size, workers, seed
        self.order = EpochOrder(len(split.train), seed)

    @property
    def steps_per_epoch(self) -> int:
        """Training steps in one epoch."""
        return len(self.split.train) // self.batch_size

    def state_dict(self) -> dict[str, int]:
        """The epoch that a resumed run starts with; checkpoints are written after epochs."""
        assert self.trainer is not None
        progress: Any = self.trainer.fit_loop.epoch_progress.current
        return {"epoch": progress.processed}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Start with the epoch of a checkpoint.

        Lightning names the epoch to the sampler only after prefetching has begun, so without this
        the first resumed epoch would be epoch 0's.
        """
        self.order.set_epoch(state["epoch"])

    def train_dataloader(self) -> DataLoader[dict[str, Any]]:
        """Augmented training photos in a new order every epoch.

        The last, incomplete batch is dropped: batch normalisation cannot train on one photo.
        """
        photos = CachedPhotos(self.cache, self.split.train, self.augmentation, self.seed)
        loading = self._loading(persistent=True)
        return DataLoader(photos, self.batch_size, sampler=self.order, drop_last=True, **loading)

    def val_dataloader(self) -> DataLoader[dict[str, Any]]:
        """Validation photos in order."""
        return self.in_order(self.split.validation)

    def in_order(self, names: list[str]) -> DataLoader[dict[str, Any]]:
        """Photos as they are, each exactly once."""
        photos = CachedPhotos(self.cache, names, None, self.seed)
        return DataLoader(photos, self.batch_size, **self._loading(persistent=False))

    def _loading(self, persistent: bool) -> dict[str, Any]:
        return {
            "num_workers": self.workers,
            "pin_memory": torch.cuda.is_available(),
            "persistent_workers": persistent and self.workers > 0,
        }
