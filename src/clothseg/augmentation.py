"""Random changes of training photos. The only module that imports albumentations.

Every photo draws its changes from (seed, epoch, index) alone, so that the stream is the same for
any number of loader processes and after any interruption.
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

if TYPE_CHECKING:
    from albumentations import BasicTransform

INTERPOLATION = {"interpolation": cv2.INTER_LINEAR, "mask_interpolation": cv2.INTER_NEAREST}

Degrees = Annotated[float, Field(ge=0, le=180)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Range = Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=2, max_length=2)]


class GaussianNoise:
    """Adds noise to some photos, cut at a random place from one sequence that is drawn in advance.

    To draw it anew for a photo takes longer than all other changes together.

    Args:
        image_size: height and width S of photos, pixels.
        deviation: range of the standard deviation, in units of the full range.
        share: share of the photos that get noise.
    """

    PLACES = 1 << 18
    """Number of places where a cut can begin."""

    def __init__(self, image_size: int, deviation: Sequence[float], share: float) -> None:
        self.shape = image_size, image_size, 3
        self.deviation, self.share = deviation, share
        drawn = np.random.default_rng(0).standard_normal(math.prod(self.shape) + self.PLACES)
        self.sequence = drawn.astype(np.float32)

    def __call__(self, image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """The photo uint8 [S,S,3], or a noisy one."""
        if generator.random() >= self.share:
            return image
        low, high = self.deviation
        strength = 255 * generator.uniform(low, high) * generator.choice([-1, 1])
        start = int(generator.integers(self.PLACES))
        noise = self.sequence[start : start + math.prod(self.shape)].reshape(self.shape)
        return cv2.addWeighted(image, 1, noise, strength, 0, dtype=cv2.CV_8U)


class Augmentation:
    """A mirror, a chain of random changes, and noise.

    Args:
        flip_table: class id of every class id in a mirror uint8 [256], see
            :attr:`clothseg.labels.LabelSpace.flip_table`.
        mirror: share of the photos that are mirrored.
        transforms: changes of the photo and its mask, in order.
        noise: what is added to the photo in the end.

    Attributes:
        chain: the library's own chain, None when it is empty; called directly, it draws on.
    """

    def __init__(
        self,
        flip_table: np.ndarray,
        mirror: float,
        transforms: "Sequence[BasicTransform]" = (),
        noise: GaussianNoise | None = None,
    ) -> None:
        from albumentations import Compose

        self.flip_table, self.mirror, self.noise = flip_table, mirror, noise
        self.chain = Compose(list(transforms)) if transforms else None

    def __call__(
        self, image: np.ndarray, mask: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """A changed photo uint8 [S,S,3] and mask uint8 [S,S]; equal seeds give equal results."""
        # One generator for all: the library's own seeding starts every transform with the same
        # draws, so that a photo would get either all changes or none.
        generator = np.random.default_rng(seed)
        if generator.random() < self.mirror:
            image, mask = cv2.flip(image, 1), cv2.LUT(cv2.flip(mask, 1), self.flip_table)
        if self.chain is not None:
            self.chain.set_random_state(generator, random.Random(seed))
            changed = self.chain(image=image, mask=mask)
            image, mask = changed["image"], changed["mask"]
        return image if self.noise is None else self.noise(image, generator), mask


def none(image_size: int, flip_table: np.ndarray) -> Augmentation:
    """Photos as they are; arguments as in :func:`light`."""
    return Augmentation(flip_table, mirror=0)


def flip(image_size: int, flip_table: np.ndarray) -> Augmentation:
    """Half of the photos are mirrored; arguments as in :func:`light`."""
    return Augmentation(flip_table, mirror=0.5)


def light(
    image_size: int,
    flip_table: np.ndarray,
    *,
    rotation: Degrees,
    zoom: Range,
    brightness: Fraction,
    noise: Fraction,
) -> Augmentation:
    """Mirror, small turns and zooms, brightness and contrast, a little noise.

    Args:
        image_size: height and width of photos, pixels.
        flip_table: class id of every class id in a mirror, uint8 [256].
        rotation: largest turn either way, degrees.
        zoom: range of the scale.
        brightness: largest relative change of brightness and of contrast.
        noise: largest standard deviation of Gaussian noise, in units of the full range.
    """
    with _strict_library() as library:
        return Augmentation(
            flip_table,
            mirror=0.5,
            transforms=[
                library.Affine(
                    rotate=(-rotation, rotation), scale=tuple(zoom), p=0.8, **INTERPOLATION
                ),
                library.RandomBrightnessContrast(brightness, brightness, p=0.5),
            ],
            noise=GaussianNoise(image_size, (noise / 3, noise), share=0.2),
        )


def inacio2019(
    image_size: int,
    flip_table: np.ndarray,
    *,
    rotation: Degrees,
    crop_scale: Range,
    noise: Range,
    brightness: Fraction,
) -> Augmentation:
    """Flip, rotation, random crop, brightness and contrast, Gaussian noise.

    Args:
        image_size: height and width of photos, pixels.
        flip_table: class id of every class id in a mirror, uint8 [256].
        rotation: largest turn either way, degrees; half of the photos.
        crop_scale: share of the area that a random crop keeps; half of the photos.
        noise: standard deviation of the noise, in units of the full range; one photo in five.
        brightness: largest relative change of brightness and of contrast; half of the photos.

    Source: inacio2019, section IV.B; the paper gives no ranges.
    """
    with _strict_library() as library:
        return Augmentation(
            flip_table,
            mirror=0.5,
            transforms=[
                library.Rotate((-rotation, rotation), p=0.5, **INTERPOLATION),
                library.RandomResizedCrop(
                    (image_size, image_size),
                    scale=tuple(crop_scale),
                    ratio=(3 / 4, 4 / 3),
                    p=0.5,
                    **INTERPOLATION,
                ),
                library.RandomBrightnessContrast(brightness, brightness, p=0.5),
            ],
            noise=GaussianNoise(image_size, noise, share=0.2),
        )


def martellozzo2023(
    image_size: int,
    flip_table: np.ndarray,
    *,
    rotation: Degrees,
    shift: Annotated[int, Field(ge=0)],
    zoom: Range,
) -> Augmentation:
    """Mirror, turns, shifts and zoom; what comes into view repeats the edge, as in Keras.

    Args:
        image_size: height and width of photos, pixels.
        flip_table: class id of every class id in a mirror, uint8 [256].
        rotation: largest turn either way, degrees.
        shift: largest shift in each direction, pixels.
        zoom: range of the scale, drawn for height and width apart.

    Source: martellozzo2023, section 2.1. That the shift of 10 is in pixels is how Keras reads a
        whole number.
    """
    with _strict_library() as library:
        move = library.Affine(
            rotate=(-rotation, rotation),
            translate_px={"x": (-shift, shift), "y": (-shift, shift)},
            scale={"x": tuple(zoom), "y": tuple(zoom)},
            keep_ratio=False,
            border_mode=cv2.BORDER_REPLICATE,
            p=1.0,
            **INTERPOLATION,
        )
        return Augmentation(flip_table, mirror=0.5, transforms=[move])


@contextmanager
def _strict_library() -> Iterator[ModuleType]:
    """albumentations, with its warnings about misspelt arguments turned into errors."""
    import albumentations

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield albumentations
