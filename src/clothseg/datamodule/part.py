"""Samples of one part of a split, and tensors of their pixels."""

from abc import ABC, abstractmethod
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from clothseg.datamodule.sampling import Key, derive_seed
from clothseg.dataset import Reader
from clothseg.labels import LabelSpace


class PartOfSplit(Dataset[dict[str, Any]], ABC):
    """Samples of a part, by position or by a key of :class:`EpochOrder`.

    Args:
        cache: the decoded images.
        names: names of the samples of this part.
        augmentation: random augmentation; None for unchanged images.
        seed: seed of the run.
    """

    def __init__(self, cache: Any, names: list[str], augmentation: Any, seed: int) -> None:
        self.cache, self.augmentation, self.seed = cache, augmentation, seed
        self.indices = [cache.index_of[name] for name in names]

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.indices)

    def __getitem__(self, key: int | Key) -> dict[str, Any]:
        """Return one sample."""
        epoch, position, *repetition = key if isinstance(key, tuple) else (0, key)
        index = self.indices[position]
        seed = derive_seed(self.seed, epoch, index, *repetition)
        return {"name": self.cache.names[index], "index": index, **self.content(index, seed)}

    @abstractmethod
    def content(self, index: int, seed: int) -> dict[str, Any]:
        """Return the entries of a sample that depend on its pixels.

        Args:
            index: index of the sample in the census.
            seed: seed of its augmentation.
        """


class WithOriginalTruth(Dataset[dict[str, Any]]):
    """Unchanged samples with their ground truth at the original size.

    Args:
        part: the samples, without augmentation.
        reader: the dataset.
        labels: the label space of the masks.
    """

    def __init__(self, part: PartOfSplit, reader: Reader, labels: LabelSpace) -> None:
        self.part, self.reader = part, reader
        self.table = labels.lookup_table(reader.names)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.part)

    def __getitem__(self, position: int) -> dict[str, Any]:
        """Return one sample with its mask uint8 [H,W] at the original size."""
        found = self.part[position]
        _, source = self.reader.read(self.part.cache.samples[found["index"]])
        return found | {"mask": torch.from_numpy(self.table[source])}


def writable_tensor(array: np.ndarray) -> Tensor:
    """Convert to a writable tensor; copies arrays that are mapped from the cache file."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))


def count_pixels(masks: Tensor) -> Tensor:
    """Count the pixels of each value of masks uint8 [B,H,W], int64 [256]."""
    # OpenCV counts several times faster than NumPy, which matters for loading throughput; its float
    # counts are exact for images of up to 2^24 pixels.
    counts = [cv2.calcHist([mask], [0], None, [256], [0, 256]) for mask in masks.numpy()]
    return torch.from_numpy(np.sum(counts, axis=0, dtype=np.int64).ravel())
