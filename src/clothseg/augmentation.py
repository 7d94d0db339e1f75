"""Random augmentation of training images. The only module that imports albumentations.

The augmentation of an image depends only on (seed, epoch, index), so training sees the same images
for any number of loader processes and after any interruption.
"""

import math
import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import cv2
import numpy as np
from pydantic import Field

from clothseg.geometry import ImageSize, sides

if TYPE_CHECKING:
    from albumentations import BasicTransform

INTERPOLATION = {"interpolation": cv2.INTER_LINEAR, "mask_interpolation": cv2.INTER_NEAREST}

Degrees = Annotated[float, Field(ge=0, le=180)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Range = Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=2, max_length=2)]


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


class Augmentation:
    """Horizontal flip, a sequence of random transforms, and noise.

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


def none(image_size: ImageSize, flip_table: np.ndarray) -> Augmentation:
    """No augmentation; arguments as in :func:`light`."""
    return Augmentation(flip_table, flip_probability=0)


def flip(image_size: ImageSize, flip_table: np.ndarray) -> Augmentation:
    """Horizontal flip of half of the images; arguments as in :func:`light`."""
    return Augmentation(flip_table, flip_probability=0.5)


def light(
    image_size: ImageSize,
    flip_table: np.ndarray,
    *,
    rotation: Degrees,
    zoom: Range,
    brightness: Fraction,
    noise: Fraction,
) -> Augmentation:
    """Flip, small rotation and zoom, brightness and contrast, weak noise.

    Args:
        image_size: height and width of images, pixels; one number if they are equal.
        flip_table: class id after a horizontal flip for every class id, uint8 [256].
        rotation: largest rotation in either direction, degrees.
        zoom: range of the scale.
        brightness: largest relative change of brightness and of contrast.
        noise: largest standard deviation of Gaussian noise, in units of the full intensity range.
    """
    with _strict_library() as library:
        return Augmentation(
            flip_table,
            flip_probability=0.5,
            transforms=[
                library.Affine(
                    rotate=(-rotation, rotation), scale=tuple(zoom), p=0.8, **INTERPOLATION
                ),
                library.RandomBrightnessContrast(brightness, brightness, p=0.5),
            ],
            noise=GaussianNoise(image_size, (noise / 3, noise), probability=0.2),
        )


def inacio2019(
    image_size: ImageSize,
    flip_table: np.ndarray,
    *,
    rotation: Degrees,
    crop_scale: Range,
    noise: Range,
    brightness: Fraction,
) -> Augmentation:
    """Flip, rotation, random crop, brightness and contrast, Gaussian noise.

    Args:
        image_size: height and width of images, pixels; one number if they are equal.
        flip_table: class id after a horizontal flip for every class id, uint8 [256].
        rotation: largest rotation in either direction, degrees; half of the images.
        crop_scale: range of the fraction of the area kept by a random crop; half of the images.
        noise: range of the noise's standard deviation, in units of the full intensity range; one
            image in five.
        brightness: largest relative change of brightness and of contrast; half of the images.

    Source: inacio2019, section IV.B; the paper gives no ranges.
    """
    with _strict_library() as library:
        return Augmentation(
            flip_table,
            flip_probability=0.5,
            transforms=[
                library.Rotate((-rotation, rotation), p=0.5, **INTERPOLATION),
                library.RandomResizedCrop(
                    sides(image_size),
                    scale=tuple(crop_scale),
                    ratio=(3 / 4, 4 / 3),
                    p=0.5,
                    **INTERPOLATION,
                ),
                library.RandomBrightnessContrast(brightness, brightness, p=0.5),
            ],
            noise=GaussianNoise(image_size, noise, probability=0.2),
        )


def martellozzo2023(
    image_size: ImageSize,
    flip_table: np.ndarray,
    *,
    rotation: Degrees,
    shift: Annotated[int, Field(ge=0)],
    zoom: Range,
) -> Augmentation:
    """Flip, rotation, shift and zoom; exposed regions replicate the border, as in Keras.

    Args:
        image_size: height and width of images, pixels; one number if they are equal.
        flip_table: class id after a horizontal flip for every class id, uint8 [256].
        rotation: largest rotation in either direction, degrees.
        shift: largest shift in each direction, pixels.
        zoom: range of the scale, sampled independently for height and width.

    Source: martellozzo2023, section 2.1. The shift of 10 is taken as pixels, as Keras interprets
        integers.
    """
    with _strict_library() as library:
        affine = library.Affine(
            rotate=(-rotation, rotation),
            translate_px={"x": (-shift, shift), "y": (-shift, shift)},
            scale={"x": tuple(zoom), "y": tuple(zoom)},
            keep_ratio=False,
            border_mode=cv2.BORDER_REPLICATE,
            p=1.0,
            **INTERPOLATION,
        )
        return Augmentation(flip_table, flip_probability=0.5, transforms=[affine])


@contextmanager
def _strict_library() -> Iterator[ModuleType]:
    """Import albumentations and turn its warnings about unknown arguments into errors."""
    import albumentations

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield albumentations
