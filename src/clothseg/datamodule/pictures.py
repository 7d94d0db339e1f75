"""Pictures of people at their own aspect: classes, people and characteristics of every pixel.

A batch holds pictures of different sizes in the upper left corner of a common size:

* ``image`` uint8 [B,H,W,3]; H and W are multiples of :data:`STRIDE`, at least :data:`LEAST`;
* ``mask`` uint8 [B,H,W], classes, 255 = ignore and in the padding;
* ``person`` uint8 [B,H,W], number of the person, 0 = none and in the padding;
* ``further`` uint8 [B,K,H,W], values of the characteristics, 255 in the padding;
* ``visible``, ``original`` int64 [B,2], height and width of the picture in the batch and in its
  file, pixels;
* ``boxes``, ``numbers``: of the people of each picture, center, width and height as fractions of
  the visible picture, float32 [n,4], and their numbers, int64 [n];
* ``name``, ``index``, and ``pixels`` int64 [256], the pixels of each value of ``mask``.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clothseg.augmentation import PictureAugmentation
from clothseg.cache import Pictures
from clothseg.datamodule.batches import SplitBatches
from clothseg.datamodule.part import (
    PartOfSplit,
    WithOriginalTruth,
    count_pixels,
    writable_tensor,
)
from clothseg.dataset import Reader
from clothseg.labels import IGNORE, LabelSpace

STRIDE = 32
"""Height and width of a batch are multiples of this, pixels."""
LEAST = 64
"""Least height and width; fewer than four positions of a stage cannot be normalized, pixels."""


class CachedPictures(PartOfSplit):
    """Pictures, each as in a batch that is not padded; arguments as the base class."""

    cache: Pictures
    augmentation: PictureAugmentation | None

    def content(self, index: int, seed: int) -> dict[str, Any]:
        """Return image, maps and people of a picture, and its original size."""
        image, maps = self.cache.images.image(index), self.cache.images.maps(index)
        if self.augmentation is not None:
            image, maps = self.augmentation(image, maps, seed)
        shape = torch.tensor(self.cache.sizes[index].tolist())
        return {"original": shape} | sample_of(image, maps)


class OriginalPictures(WithOriginalTruth):
    """Pictures with their ground truth at the original size, ``truth`` uint8 [2+K,H,W]."""

    def __getitem__(self, position: int) -> dict[str, Any]:
        """Return one sample, whose mask remains that of the picture."""
        found = self.part[position]
        sample = self.part.cache.samples[found["index"]]
        _, source = self.reader.read(sample)
        further = self.reader.further_maps(sample)
        maps = [further[kind] for kind in self.part.cache.kinds]
        truth = np.stack([self.table[source], self.reader.person_map(sample), *maps])
        return found | {"truth": torch.from_numpy(truth)}


class PictureBatches(SplitBatches):
    """Batches of pictures of different sizes; arguments as the base class."""

    cache: Pictures
    augmentation: PictureAugmentation

    def images(self, names: list[str], augmented: bool) -> CachedPictures:
        """Select pictures of the cache."""
        augmentation = self.augmentation if augmented else None
        return CachedPictures(self.cache, names, augmentation, self.seed)

    def original(self, names: list[str], reader: Reader, labels: LabelSpace) -> OriginalPictures:
        """Select unchanged pictures, with their ground truth at the original size."""
        return OriginalPictures(self.images(names, augmented=False), reader, labels)

    evaluated_at_once = 1
    """Normalization within a picture includes its padding, which others in a batch would enlarge:
    scores must not depend on them."""

    def collate(self, samples: list[dict[str, Any]]) -> dict[str, Any]:
        """Pad pictures to a common size, and count the pixels of each class."""
        return collate_pictures(samples)


def sample_of(image: np.ndarray, maps: np.ndarray) -> dict[str, Any]:
    """Create the entries of a sample that depend on its pixels.

    Args:
        image: uint8 [h,w,3].
        maps: classes, people and characteristics, uint8 [2+K,h,w].
    """
    boxes, numbers = person_boxes(maps[1])
    return {
        "image": writable_tensor(image),
        "mask": writable_tensor(maps[0]),
        "person": writable_tensor(maps[1]),
        "further": writable_tensor(maps[2:]),
        "boxes": torch.from_numpy(boxes),
        "numbers": torch.from_numpy(numbers),
    }


def person_boxes(person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the people of a picture.

    Args:
        person: number of the person of each pixel, integers [h,w] up to 255, 0 = none.

    Returns:
        Center, width and height of each person as fractions of the picture, float32 [n,4], and the
        number of each person, int64 [n].
    """
    height, width = person.shape
    rows, columns = (np.zeros((256, side), bool) for side in person.shape)
    # Every row and every column is looked at once, however many people there are.
    rows[person, np.arange(height)[:, None]] = True
    columns[person, np.arange(width)] = True
    numbers = np.flatnonzero(rows.any(1))
    numbers = numbers[numbers > 0]
    boxes = np.zeros((len(numbers), 4), np.float32)
    for present, side, center in ((columns, width, 0), (rows, height, 1)):
        first = present[numbers].argmax(1)
        last = side - present[numbers, ::-1].argmax(1)  # exclusive
        boxes[:, center] = (first + last) / (2 * side)
        boxes[:, center + 2] = (last - first) / side
    return boxes, numbers


def collate_pictures(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Pad pictures to a common size; lists stay lists."""
    visible = torch.tensor([sample["mask"].shape for sample in samples])
    height, width = (padded_side(side) for side in visible.amax(0).tolist())
    batch = {key: [sample[key] for sample in samples] for key in samples[0]}
    further = [_padded(values, height, width, IGNORE) for values in batch["further"]]
    masks = torch.stack([_padded(mask, height, width, IGNORE) for mask in batch["mask"]])
    image = torch.zeros(len(samples), height, width, 3, dtype=torch.uint8)
    for padded, pixels in zip(image, batch["image"], strict=True):
        padded[: pixels.shape[0], : pixels.shape[1]] = pixels
    return batch | {
        "image": image,
        "mask": masks,
        "person": torch.stack([_padded(values, height, width, 0) for values in batch["person"]]),
        "further": torch.stack(further),
        "visible": visible,
        "original": torch.stack(batch["original"]),
        "index": torch.tensor(batch["index"]),
        "pixels": count_pixels(masks),
    }


def padded_side(side: int) -> int:
    """Round a height or width in pixels up to that of a batch."""
    return max(LEAST, -(-side // STRIDE) * STRIDE)


def _padded(values: Tensor, height: int, width: int, value: int) -> Tensor:
    """Pad maps [...,h,w] at the right and at the bottom."""
    rows, columns = values.shape[-2:]
    padded = values.new_full((*values.shape[:-2], height, width), value)
    padded[..., :rows, :columns] = values
    return padded
