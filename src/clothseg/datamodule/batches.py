"""Batches from the cache, reproducible after resuming and for any number of workers."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, default_collate

from clothseg.augmentation import Augmentation
from clothseg.cache import Cache
from clothseg.datamodule.sampling import EpochOrder, Key, Shard
from clothseg.dataset import Reader
from clothseg.error import ConfigError
from clothseg.labels import LabelSpace
from clothseg.split import Split

Batches = DataLoader[dict[str, Any]]


def derive_seed(*parts: int) -> int:
    """Derive a seed in [0, 2^31) from all `parts`, such as (seed, epoch, index)."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


class CachedImages(Dataset[dict[str, Any]]):
    """Images of one part of a split, by position or by a key of :class:`EpochOrder`.

    Args:
        cache: the decoded images.
        names: names of the images of this part.
        augmentation: random augmentation of images at their own aspect, if the cache has these, or
            in the network's input; None for unchanged images in the network's input.
        seed: seed of the run.
    """

    def __init__(
        self, cache: Cache, names: list[str], augmentation: Augmentation | None, seed: int
    ) -> None:
        self.cache, self.augmentation, self.seed = cache, augmentation, seed
        self.indices = [cache.index_of[name] for name in names]

    def __len__(self) -> int:
        """Number of images."""
        return len(self.indices)

    def __getitem__(self, key: int | Key) -> dict[str, Any]:
        """Return one sample in the format documented in :mod:`clothseg.dataset`."""
        epoch, position, *repetition = key if isinstance(key, tuple) else (0, key)
        index = self.indices[position]
        if self.augmentation is None:
            image, mask = self.cache.image(index), self.cache.mask(index)
        else:
            pixels = self.cache.own_aspect or self.cache
            seed = derive_seed(self.seed, epoch, index, *repetition)
            image, mask = self.augmentation(pixels.image(index), pixels.mask(index), seed)
        return {
            "image": _writable_tensor(image),
            "mask": _writable_tensor(mask),
            "name": self.cache.names[index],
            "index": index,
        }


def _writable_tensor(array: np.ndarray) -> torch.Tensor:
    """Convert to a writable tensor; copies arrays that are mapped from the cache file."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))


class OriginalMasks(Dataset[dict[str, Any]]):
    """Images at the network's input size with masks at their original size.

    Args:
        images: the images, without augmentation.
        reader: the dataset.
        labels: the label space of the masks.
    """

    def __init__(self, images: CachedImages, reader: Reader, labels: LabelSpace) -> None:
        self.images, self.reader = images, reader
        self.table = labels.lookup_table(reader.names)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)

    def __getitem__(self, position: int) -> dict[str, Any]:
        """Return one sample with its mask uint8 [H,W] at the original size."""
        sample = self.images[position]
        _, source = self.reader.read(self.images.cache.samples[sample["index"]])
        return sample | {"mask": torch.from_numpy(self.table[source])}


class MicroBatches:
    """Loader that divides batches into micro-batches, for gradient accumulation.

    Args:
        batches: the loader of full batches.
        accumulation_steps: number of equal micro-batches per batch.
    """

    def __init__(self, batches: DataLoader[dict[str, Any]], accumulation_steps: int) -> None:
        self.batches, self.accumulation_steps = batches, accumulation_steps
        self.sampler = batches.sampler  # Lightning sets the epoch on it

    def __len__(self) -> int:
        """Number of micro-batches in an epoch."""
        return len(self.batches) * self.accumulation_steps

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over micro-batches, each with the pixel counts and masks of its full batch."""
        for batch in self.batches:
            size = len(batch["name"]) // self.accumulation_steps
            for start in range(0, size * self.accumulation_steps, size):
                selected = slice(start, start + size)
                micro_batch = {k: v if k == "pixels" else v[selected] for k, v in batch.items()}
                yield micro_batch | {"step_mask": batch["mask"]}


class SplitBatches:
    """Batches of the parts of a split.

    Args:
        cache: the decoded images.
        split: assignment of images to the parts.
        augmentation: random augmentation of training images.
        batch_size: images per training step over all processes.
        workers: number of worker processes of the data loader.
        seed: seed of order and augmentation.
        accumulation_steps: number of micro-batches per training step.
        shard: this process's shard of every batch.
        weights: sampling weights of the training images, see
            :func:`clothseg.datamodule.sampling.image_weights`.

    Raises:
        ConfigError: the batch size exceeds the number of training images.
    """

    def __init__(
        self,
        cache: Cache,
        split: Split,
        augmentation: Augmentation,
        batch_size: int,
        workers: int,
        seed: int,
        accumulation_steps: int = 1,
        shard: Shard | None = None,
        weights: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        self.cache, self.split, self.augmentation = cache, split, augmentation
        self.batch_size, self.workers, self.seed = batch_size, workers, seed
        self.accumulation_steps, self.shard = accumulation_steps, shard or Shard()
        if len(split.train) < batch_size:
            available = f"only {len(split.train)} training images are available"
            raise ConfigError([f"data.batch_size={batch_size}: {available}"])
        self.order = EpochOrder(len(split.train), seed, batch_size, self.shard, weights)

    def require_images(self, key: str, parts: Sequence[str]) -> None:
        """Check that every evaluated part has at least one image for each process.

        Args:
            key: configuration key of the number of processes.
            parts: the parts of the split to evaluate.

        Raises:
            ConfigError: a part has too few images; names it.
        """
        for part in parts:
            num_images = len(getattr(self.split, part))
            if not num_images:
                remedy = "use more images, fewer folds or a larger split.validation"
                raise ConfigError([f"split: the {part} part is empty; {remedy}"])
            if num_images < self.shard.world_size:
                limit = f"the {part} part has only {num_images} images; every process needs one"
                raise ConfigError([f"{key}={self.shard.world_size}: {limit}"])

    @property
    def steps_per_epoch(self) -> int:
        """Number of training steps per epoch."""
        return len(self.split.train) // self.batch_size

    def training_batches(self) -> Batches:
        """Create a loader of augmented training images, reshuffled every epoch."""
        images = CachedImages(self.cache, self.split.train, self.augmentation, self.seed)
        return DataLoader(images, sampler=self.order, **self._loading(persistent=True))

    def evaluation_batches(self, names: list[str]) -> Batches:
        """Create a loader of unchanged images, sharded so that each image is seen exactly once."""
        own = names[self.shard.rank :: self.shard.world_size]
        images = CachedImages(self.cache, own, None, self.seed)
        return DataLoader(images, **self._loading(persistent=False))

    def at_original_size(self, names: list[str], reader: Reader, labels: LabelSpace) -> Batches:
        """Create a loader of single unchanged images with masks at their original size."""
        own = names[self.shard.rank :: self.shard.world_size]
        images = CachedImages(self.cache, own, None, self.seed)
        samples = OriginalMasks(images, reader, labels)
        return DataLoader(samples, **self._loading(persistent=False) | {"batch_size": 1})

    def _loading(self, persistent: bool) -> dict[str, Any]:
        return {
            "batch_size": -(-self.batch_size // self.shard.world_size),
            "collate_fn": _collate,
            "num_workers": self.workers,
            "pin_memory": torch.cuda.is_available(),
            "persistent_workers": persistent and self.workers > 0,
        }


def _collate(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Collate samples and count the pixels of each mask value, int64 [256]."""
    batch: dict[str, Any] = default_collate(samples)
    # OpenCV counts several times faster than NumPy, which matters for loading throughput; its float
    # counts are exact for images of up to 2^24 pixels.
    counts = [cv2.calcHist([m], [0], None, [256], [0, 256]) for m in batch["mask"].numpy()]
    pixels = np.sum(counts, axis=0, dtype=np.int64).ravel()
    return batch | {"pixels": torch.from_numpy(pixels)}
