"""Images of a split at the network's input size, one class for every pixel."""

from typing import Any

from torch.utils.data import default_collate

from clothseg.augmentation import Augmentation
from clothseg.cache import Cache
from clothseg.datamodule.batches import SplitBatches
from clothseg.datamodule.part import (
    PartOfSplit,
    WithOriginalTruth,
    count_pixels,
    writable_tensor,
)
from clothseg.dataset import Reader
from clothseg.labels import LabelSpace


class CachedImages(PartOfSplit):
    """Images in the format documented in :mod:`clothseg.dataset`; arguments as the base class.

    The augmentation takes images at their own aspect, if the cache has these, or in the network's
    input.
    """

    cache: Cache
    augmentation: Augmentation | None

    def content(self, index: int, seed: int) -> dict[str, Any]:
        """Return image and mask of a sample."""
        if self.augmentation is None:
            image, mask = self.cache.image(index), self.cache.mask(index)
        else:
            pixels = self.cache.own_aspect or self.cache
            image, mask = self.augmentation(pixels.image(index), pixels.mask(index), seed)
        return {"image": writable_tensor(image), "mask": writable_tensor(mask)}


class ImageBatches(SplitBatches):
    """Batches of images that all have the network's input size; arguments as the base class."""

    cache: Cache
    augmentation: Augmentation

    def images(self, names: list[str], augmented: bool) -> CachedImages:
        """Select images of the cache."""
        augmentation = self.augmentation if augmented else None
        return CachedImages(self.cache, names, augmentation, self.seed)

    def original(self, names: list[str], reader: Reader, labels: LabelSpace) -> WithOriginalTruth:
        """Select unchanged images, with masks at their original size."""
        return WithOriginalTruth(self.images(names, augmented=False), reader, labels)

    def collate(self, samples: list[dict[str, Any]]) -> dict[str, Any]:
        """Collate samples and count the pixels of each mask value, int64 [256]."""
        batch: dict[str, Any] = default_collate(samples)
        return batch | {"pixels": count_pixels(batch["mask"])}
