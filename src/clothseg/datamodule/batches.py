"""Batches from the cache, reproducible after resuming and for any number of workers."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from clothseg.datamodule.sampling import EpochOrder, Shard
from clothseg.dataset import Reader
from clothseg.error import ConfigError
from clothseg.labels import LabelSpace
from clothseg.split import Split

Batches = DataLoader[dict[str, Any]]

OF_THE_STEP = ("mask", "numbers")
"""Entries of a batch that its micro-batches also have as a whole, with the prefix `step_`."""


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
                step = {f"step_{key}": batch[key] for key in OF_THE_STEP if key in batch}
                yield micro_batch | step


class SplitBatches(ABC):
    """Batches of the parts of a split; subclasses decide what an image consists of.

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

    evaluated_at_once: int | None = None
    """Number of images in a batch of an evaluation; None for that of a training step."""

    def __init__(
        self,
        cache: Any,
        split: Split,
        augmentation: Any,
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

    @abstractmethod
    def images(self, names: list[str], augmented: bool) -> Dataset[dict[str, Any]]:
        """Select images of the cache, augmented or unchanged."""

    @abstractmethod
    def original(
        self, names: list[str], reader: Reader, labels: LabelSpace
    ) -> Dataset[dict[str, Any]]:
        """Select unchanged images, with their ground truth at the original size."""

    @abstractmethod
    def collate(self, samples: list[dict[str, Any]]) -> dict[str, Any]:
        """Make a batch of samples."""

    def training_batches(self) -> Batches:
        """Create a loader of augmented training images, reshuffled every epoch."""
        images = self.images(self.split.train, augmented=True)
        return DataLoader(images, sampler=self.order, **self._loading(persistent=True))

    def evaluation_batches(self, names: list[str]) -> Batches:
        """Create a loader of unchanged images, sharded so that each image is seen exactly once."""
        own = names[self.shard.rank :: self.shard.world_size]
        loading = self._loading(persistent=False)
        if self.evaluated_at_once is not None:
            loading["batch_size"] = self.evaluated_at_once
        return DataLoader(self.images(own, augmented=False), **loading)

    def at_original_size(self, names: list[str], reader: Reader, labels: LabelSpace) -> Batches:
        """Create a loader of single unchanged images with masks at their original size."""
        own = names[self.shard.rank :: self.shard.world_size]
        samples = self.original(own, reader, labels)
        return DataLoader(samples, **self._loading(persistent=False) | {"batch_size": 1})

    def _loading(self, persistent: bool) -> dict[str, Any]:
        return {
            "batch_size": -(-self.batch_size // self.shard.world_size),
            "collate_fn": self.collate,
            "num_workers": self.workers,
            # Other methods pickle the images, and those of a job in a sweep are another one.
            "multiprocessing_context": "fork" if self.workers else None,
            "pin_memory": torch.cuda.is_available(),
            "persistent_workers": persistent and self.workers > 0,
        }
