"""Random augmentation of training images.

The augmentation of an image depends only on (seed, epoch, index), so training sees the same images
for any number of loader processes and after any interruption. It takes images in the network's
input, or at their own aspect if its function declares that, see :mod:`.steps`, and returns them in
the network's input. Evaluated images are not augmented.
"""

from typing import Annotated, Literal, Protocol

import cv2
import numpy as np
from pydantic import AfterValidator, Field

from clothseg.augmentation.library import (
    INTERPOLATION,
    GaussianNoise,
    LibraryTransforms,
    strict_library,
)
from clothseg.augmentation.pictures import FlipCropResize, Picture
from clothseg.augmentation.steps import (
    AreaCrop,
    Expand,
    Flip,
    Noise,
    Pair,
    Resize,
    Steps,
    of_pictures,
    own_aspect,
)
from clothseg.geometry import ImageSize, sides
from clothseg.labels import IGNORE

Degrees = Annotated[float, Field(ge=0, le=180)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Range = Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=2, max_length=2)]
Positive = Annotated[float, Field(gt=0)]


def _require_ascending(values: list[float]) -> list[float]:
    if values[0] >= values[1]:
        raise ValueError("must be two numbers, the smaller one first")
    return values


Two = Field(min_length=2, max_length=2)
Ascending = AfterValidator(_require_ascending)


class Augmentation(Protocol):
    """Random transformation of an image and its mask."""

    def __call__(self, image: np.ndarray, mask: np.ndarray, seed: int) -> Pair:
        """Augment an image uint8 [h,w,3] and its mask uint8 [h,w] to uint8 [H,W,3] and [H,W]."""


class PictureAugmentation(Protocol):
    """Random transformation of an image at its own aspect with several maps."""

    def __call__(self, image: np.ndarray, maps: np.ndarray, seed: int) -> Picture:
        """Augment an image uint8 [h,w,3] and its maps uint8 [K,h,w], the first one of classes."""


def none(image_size: ImageSize, flip_table: np.ndarray) -> Augmentation:
    """No augmentation; arguments as in :func:`light`."""
    return LibraryTransforms(flip_table, flip_probability=0)


def flip(image_size: ImageSize, flip_table: np.ndarray) -> Augmentation:
    """Horizontal flip of half of the images; arguments as in :func:`light`."""
    return LibraryTransforms(flip_table, flip_probability=0.5)


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
    with strict_library() as library:
        return LibraryTransforms(
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
    with strict_library() as library:
        return LibraryTransforms(
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
    with strict_library() as library:
        affine = library.Affine(
            rotate=(-rotation, rotation),
            translate_px={"x": (-shift, shift), "y": (-shift, shift)},
            scale={"x": tuple(zoom), "y": tuple(zoom)},
            keep_ratio=False,
            border_mode=cv2.BORDER_REPLICATE,
            p=1.0,
            **INTERPOLATION,
        )
        return LibraryTransforms(flip_table, flip_probability=0.5, transforms=[affine])


@own_aspect
def dang2020(
    image_size: ImageSize,
    flip_table: np.ndarray,
    *,
    longest_side: Annotated[int, Field(ge=32)] | None,
    flip_probability: Fraction,
    expand_ratio: Annotated[float, Field(ge=1, le=4)],
    expand_mask: Literal["background", "ignore"],
    crop_area: Annotated[list[Fraction], Two, Ascending],
    crop_aspect: Annotated[list[Positive], Two, Ascending],
    noise: Annotated[float, Field(ge=0, le=255)],
    interpolation: Literal["area", "nearest"],
) -> Steps:
    """Flip, black bars, random crop, noise, resize; from images at their own aspect.

    Args:
        image_size: height and width of the augmented images, pixels; one number if they are equal.
        flip_table: class id after a horizontal flip for every class id, uint8 [256].
        longest_side: longest side of the images at their own aspect, pixels; larger ones are
            reduced, which also decides how much of the noise the last step averages out.
        flip_probability: fraction of the images that are flipped.
        expand_ratio: largest height and width with the black bars, relative to those without.
        expand_mask: class of the bars.
        crop_area: range of the fraction of the area that is kept; the first is excluded.
        crop_aspect: range of width / height of the crop.
        noise: standard deviation of the Gaussian noise, gray levels.
        interpolation: of images in the last step; masks are always resized to the nearest class.

    Source: dang2020, section IV.B, which gives the ranges but no distributions in them.
    """
    return Steps(
        [
            Flip(flip_table, flip_probability),
            Expand(expand_ratio, IGNORE if expand_mask == "ignore" else 0),
            AreaCrop((crop_area[0], crop_area[1]), (crop_aspect[0], crop_aspect[1])),
            Noise(noise),
            Resize(*sides(image_size), interpolation),
        ],
        longest_side,
    )


@of_pictures
def hptr(
    image_size: ImageSize,
    flip_table: np.ndarray,
    *,
    flip_probability: Fraction,
    short_sides: list[Positive],
    crop_probability: Fraction,
    crop_short_sides: Annotated[list[Positive], Field(min_length=1)],
    crop_sides: Annotated[list[Positive], Two, Ascending],
) -> FlipCropResize:
    """Flip, crop of half of the images, random size; for human parsing.

    Args:
        image_size: longest side of the images, pixels.
        flip_table: class id after a horizontal flip for every class id, uint8 [256].
        flip_probability: fraction of the images that are flipped.
        short_sides: short sides of the result, relative to `image_size`; empty to keep the size.
        crop_probability: fraction of the images that are cropped.
        crop_short_sides: short sides before the crop, relative to `image_size`.
        crop_sides: range of the height and of the width of the crop, relative to `image_size`.

    Source: loesch2021, which limits the long side to 512 pixels and states no augmentation; its
        form is that of Carion et al., 2020.
    """
    return FlipCropResize(
        flip_table,
        max(sides(image_size)),
        flip_probability,
        short_sides,
        crop_probability,
        crop_short_sides,
        (crop_sides[0], crop_sides[1]),
    )
