"""Batches from the cache: exact to resume, equal for any number of loader processes."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import pytorch_lightning as pl
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


def derived_seed(*parts: int) -> int:
    """A seed in [0, 2^31) that depends on all `parts`, such as (seed, epoch, index)."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


class CachedImages(Dataset[dict[str, Any]]):
    """Photos of one part of a split, by position, or by a key of :class:`EpochOrder`.

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
        self.indices = [cache.index_of[name] for name in names]

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.indices)

    def __getitem__(self, key: int | Key) -> dict[str, Any]:
        """One sample in the form that :mod:`clothseg.dataset` states."""
        epoch, position, *again = key if isinstance(key, tuple) else (0, key)
        index = self.indices[position]
        image, mask = self.cache.images[index], self.cache.masks[index]
        if self.augmentation is not None:
            seed = derived_seed(self.seed, epoch, index, *again)
            image, mask = self.augmentation(image, mask, seed)
        return {
            "image": _owned(image),
            "mask": _owned(mask),
            "name": self.cache.names[index],
            "index": index,
        }


def _owned(array: np.ndarray) -> torch.Tensor:
    """A tensor that may be written to; a copy where the array is part of the cache's file."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))


class OriginalMasks(Dataset[dict[str, Any]]):
    """Photos as the network sees them, with masks at the size of the file.

    Args:
        photos: without augmentation.
        reader: the dataset.
        labels: the label space of the masks.
    """

    def __init__(self, photos: CachedImages, reader: Reader, labels: LabelSpace) -> None:
        self.photos, self.reader = photos, reader
        self.table = labels.lookup_table(reader.names)

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.photos)

    def __getitem__(self, position: int) -> dict[str, Any]:
        """One sample, its mask uint8 [H,W] at the original size."""
        sample = self.photos[position]
        _, source = self.reader.read(self.photos.cache.samples[sample["index"]])
        return sample | {"mask": torch.from_numpy(self.table[source])}


class InParts:
    """Batches one part after the other, for devices that cannot hold a whole one.

    Args:
        batches: the loader of whole batches.
        parts: into how many equal parts each is divided.
    """

    def __init__(self, batches: DataLoader[dict[str, Any]], parts: int) -> None:
        self.batches, self.parts = batches, parts
        self.sampler = batches.sampler  # Lightning names the epoch to it

    def __len__(self) -> int:
        """Number of parts in an epoch."""
        return len(self.batches) * self.parts

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The parts; each keeps the number of pixels of its whole batch."""
        for batch in self.batches:
            photos = len(batch["name"]) // self.parts
            for start in range(0, photos * self.parts, photos):
                part = slice(start, start + photos)
                yield {k: v if k == "pixels" else v[part] for k, v in batch.items()}


class SegmentationData(pl.LightningDataModule):
    """The three parts of a split as batches.

    Args:
        cache: all decoded photos.
        split: which photo is in which part.
        augmentation: random changes of training photos.
        batch_size: photos in one training step, over all processes together.
        workers: loader processes.
        seed: seed of order and augmentation.
        accumulation_steps: parts that a training step works through one after the other.
        share: the part of every batch that this process sees.
        weights: how often each training photo is drawn, see
            :func:`clothseg.datamodule.sampling.image_weights`.

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
        accumulation_steps: int = 1,
        share: Shard | None = None,
        weights: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        self.cache, self.split, self.augmentation = cache, split, augmentation
        self.batch_size, self.workers, self.seed = batch_size, workers, seed
        self.accumulation_steps, self.share = accumulation_steps, share or Shard()
        if len(split.train) < batch_size:
            few = f"there are only {len(split.train)} photos to train on"
            raise ConfigError([f"data.batch_size={batch_size}: {few}"])
        self.order = EpochOrder(len(split.train), seed, batch_size, self.share, weights)

    def require_shares(self, key: str, parts: Sequence[str]) -> None:
        """Fail when there is no photo to evaluate, or there are more processes than photos.

        Args:
            key: where the number of processes was given.
            parts: of the split that are evaluated.

        Raises:
            ConfigError: names the part.
        """
        for part in parts:
            photos = len(getattr(self.split, part))
            if not photos:
                change = "take more photos, fewer folds or a larger split.validation"
                raise ConfigError([f"split: the {part} part is empty; {change}"])
            if photos < self.share.world_size:
                few = f"the {part} part has only {photos}, and every process needs a photo of it"
                raise ConfigError([f"{key}={self.share.world_size}: {few}"])

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

    def train_dataloader(self) -> "Batches | InParts":
        """What training steps are fed with: whole batches, or parts of them."""
        batches = self.training_batches()
        return (
            batches if self.accumulation_steps == 1 else InParts(batches, self.accumulation_steps)
        )

    def training_batches(self) -> Batches:
        """Augmented training photos in a new order every epoch."""
        photos = CachedImages(self.cache, self.split.train, self.augmentation, self.seed)
        return DataLoader(photos, sampler=self.order, **self._loading(persistent=True))

    def val_dataloader(self) -> Batches:
        """Validation photos in order."""
        return self.evaluation_batches(self.split.validation)

    def evaluation_batches(self, names: list[str]) -> Batches:
        """Photos as they are; all processes together see each exactly once."""
        mine = names[self.share.rank :: self.share.world_size]
        photos = CachedImages(self.cache, mine, None, self.seed)
        return DataLoader(photos, **self._loading(persistent=False))

    def at_original_size(self, names: list[str], reader: Reader, labels: LabelSpace) -> Batches:
        """Photos as they are, one by one, with masks of their own sizes."""
        mine = names[self.share.rank :: self.share.world_size]
        photos = CachedImages(self.cache, mine, None, self.seed)
        whole = OriginalMasks(photos, reader, labels)
        return DataLoader(whole, **self._loading(persistent=False) | {"batch_size": 1})

    def _loading(self, persistent: bool) -> dict[str, Any]:
        return {
            "batch_size": -(-self.batch_size // self.share.world_size),
            "collate_fn": _collate,
            "num_workers": self.workers,
            "pin_memory": torch.cuda.is_available(),
            "persistent_workers": persistent and self.workers > 0,
        }


def _collate(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """A batch, with the number of its pixels of each value of the mask, int64 [256]."""
    batch = default_collate(samples)
    # OpenCV counts several times as fast as NumPy, which the speed of loading feels; its floats are
    # exact for photos of up to 2^24 pixels.
    counts = [cv2.calcHist([m], [0], None, [256], [0, 256]) for m in batch["mask"].numpy()]
    pixels = np.sum(counts, axis=0, dtype=np.int64).ravel()
    return batch | {"pixels": torch.from_numpy(pixels)}
