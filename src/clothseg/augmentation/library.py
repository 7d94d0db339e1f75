"""Augmentation by transforms of albumentations; the only module that imports the library."""

import math
import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

import cv2
import numpy as np

from clothseg.geometry import ImageSize, sides

if TYPE_CHECKING:
    from albumentations import BasicTransform

INTERPOLATION = {"interpolation": cv2.INTER_LINEAR, "mask_interpolation": cv2.INTER_NEAREST}


class GaussianNoise:
    """Gaussian noise, taken at a random offset from a precomputed sequence.

    Sampling new noise for every image takes longer than all other transforms together.

    Args:
        image_size: height and width of images, pixels.
        std: range of the standard deviation, in units of the full intensity range.
        probability: probability that an image gets noise.
    """

    OFFSETS = 1 << 18
    """Number of possible offsets into the sequence."""

    def __init__(self, image_size: ImageSize, std: Sequence[float], probability: float) -> None:
        self.shape = *sides(image_size), 3
        self.std, self.probability = std, probability
        noise = np.random.default_rng(0).standard_normal(math.prod(self.shape) + self.OFFSETS)
        self.sequence = noise.astype(np.float32)

    def __call__(self, image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Return the image uint8 [H,W,3] with or without noise."""
        if generator.random() >= self.probability:
            return image
        low, high = self.std
        strength = 255 * generator.uniform(low, high) * generator.choice([-1, 1])
        start = int(generator.integers(self.OFFSETS))
        noise = self.sequence[start : start + math.prod(self.shape)].reshape(self.shape)
        noisy: np.ndarray = cv2.addWeighted(image, 1, noise, strength, 0, dtype=cv2.CV_8U)
        return noisy


class LibraryTransforms:
    """Augmentation by a horizontal flip, transforms of albumentations, and noise.

    Args:
        flip_table: class id after a horizontal flip for every class id, uint8 [256], see
            :attr:`clothseg.labels.LabelSpace.flip_table`.
        flip_probability: probability of a horizontal flip.
        transforms: transforms of the image and its mask, in order.
        noise: noise that is added to the image last.

    Attributes:
        chain: composed transforms of the library, None without any; advances its own random state
            when called directly.
    """

    def __init__(
        self,
        flip_table: np.ndarray,
        flip_probability: float,
        transforms: "Sequence[BasicTransform]" = (),
        noise: GaussianNoise | None = None,
    ) -> None:
        from albumentations import Compose

        self.flip_table, self.flip_probability, self.noise = flip_table, flip_probability, noise
        self.chain = Compose(list(transforms)) if transforms else None

    def __call__(
        self, image: np.ndarray, mask: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Augment an image uint8 [H,W,3] and its mask uint8 [H,W]; equal seeds, equal results."""
        # Share one generator: the library's own seeding gives every transform the same random
        # numbers, so that an image would get either all transforms or none.
        generator = np.random.default_rng(seed)
        if generator.random() < self.flip_probability:
            image, mask = cv2.flip(image, 1), cv2.LUT(cv2.flip(mask, 1), self.flip_table)
        if self.chain is not None:
            self.chain.set_random_state(generator, random.Random(seed))
            augmented = self.chain(image=image, mask=mask)
            image, mask = augmented["image"], augmented["mask"]
        return image if self.noise is None else self.noise(image, generator), mask


@contextmanager
def strict_library() -> Iterator[ModuleType]:
    """Import albumentations and turn its warnings about unknown arguments into errors."""
    import albumentations

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield albumentations
