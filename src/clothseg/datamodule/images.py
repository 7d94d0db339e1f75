"""Images of a split at the network's input size, one class for every pixel."""

from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset, default_collate

from clothseg.augmentation import Augmentation
from clothseg.cache import Cache
from clothseg.datamodule.batches import SplitBatches
from clothseg.datamodule.sampling import Key, chosen, derive_seed
from clothseg.dataset import Reader
from clothseg.labels import LabelSpace


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
        epoch, index, repetition = chosen(key, self.indices)
        if self.augmentation is None:
            image, mask = self.cache.image(index), self.cache.mask(index)
        else:
            pixels = self.cache.own_aspect or self.cache
            seed = derive_seed(self.seed, epoch, index, *repetition)
            image, mask = self.augmentation(pixels.image(index), pixels.mask(index), seed)
        return {
            "image": writable_tensor(image),
            "mask": writable_tensor(mask),
            "name": self.cache.names[index],
            "index": index,
        }


def writable_tensor(array: np.ndarray) -> torch.Tensor:
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


class ImageBatches(SplitBatches):
    """Batches of images that all have the network's input size; arguments as the base class."""

    cache: Cache
    augmentation: Augmentation

    def images(self, names: list[str], augmented: bool) -> CachedImages:
        """Select images of the cache."""
        augmentation = self.augmentation if augmented else None
        return CachedImages(self.cache, names, augmentation, self.seed)

    def original(self, names: list[str], reader: Reader, labels: LabelSpace) -> OriginalMasks:
        """Select unchanged images, with masks at their original size."""
        return OriginalMasks(self.images(names, augmented=False), reader, labels)

    def collate(self, samples: list[dict[str, Any]]) -> dict[str, Any]:
        """Collate samples and count the pixels of each mask value, int64 [256]."""
        batch: dict[str, Any] = default_collate(samples)
        return batch | {"pixels": count_pixels(batch["mask"])}


def count_pixels(masks: torch.Tensor) -> torch.Tensor:
    """Count the pixels of each value of masks uint8 [B,H,W], int64 [256]."""
    # OpenCV counts several times faster than NumPy, which matters for loading throughput; its float
    # counts are exact for images of up to 2^24 pixels.
    counts = [cv2.calcHist([mask], [0], None, [256], [0, 256]) for mask in masks.numpy()]
    return torch.from_numpy(np.sum(counts, axis=0, dtype=np.int64).ravel())
