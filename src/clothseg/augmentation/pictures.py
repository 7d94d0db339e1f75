"""Augmentation of images with several maps at their own aspect, whose size it changes."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

Picture = tuple[np.ndarray, np.ndarray]
"""Image uint8 [h,w,3] and its maps uint8 [K,h,w], of which the first are the classes."""


@dataclass(frozen=True)
class FlipCropResize:
    """Flip, crop of some images, and a random size; people, sizes and colors have no sides.

    Args:
        flip_table: class id after a flip for every class id, uint8 [256].
        longest_side: longest side of the result, pixels, of which all other sides are fractions.
        flip_probability: fraction of the images that are flipped.
        short_sides: short sides of the result, one of which is drawn; those for which an image is
            too long are reduced. None keeps the size.
        crop_probability: fraction of the images that are cropped.
        crop_short_sides: short sides before the crop, one of which is drawn.
        crop_sides: smallest and largest height and width of the crop.

    Source: Carion et al., End-to-end object detection with transformers, 2020, appendix A.4.
    """

    flip_table: np.ndarray
    longest_side: int
    flip_probability: float
    short_sides: Sequence[float]
    crop_probability: float
    crop_short_sides: Sequence[float]
    crop_sides: tuple[float, float]

    def __call__(self, image: np.ndarray, maps: np.ndarray, seed: int) -> Picture:
        """Augment an image uint8 [h,w,3] and its maps uint8 [K,h,w], the first one of classes."""
        generator = np.random.default_rng(seed)
        if generator.random() < self.flip_probability:
            image, maps = flipped(image, maps, self.flip_table)
        if generator.random() < self.crop_probability:
            side = self._pixels(generator.choice(self.crop_short_sides))
            image, maps = self._crop(*resized(image, maps, side), generator)
        if self.short_sides:
            side = self._pixels(generator.choice(self.short_sides))
            image, maps = resized(image, maps, side, self.longest_side)
        return image, maps

    def _crop(self, image: np.ndarray, maps: np.ndarray, generator: np.random.Generator) -> Picture:
        """Cut out a window of random size and position."""
        least, most = map(self._pixels, self.crop_sides)
        window = []
        for side in image.shape[:2]:
            length = int(generator.integers(min(least, side), min(most, side) + 1))
            start = int(generator.integers(side - length + 1))
            window.append(slice(start, start + length))
        return image[tuple(window)], maps[(slice(None), *window)]

    def _pixels(self, fraction: float) -> int:
        return max(1, round(float(fraction) * self.longest_side))


def flipped(image: np.ndarray, maps: np.ndarray, flip_table: np.ndarray) -> Picture:
    """Flip an image and its maps horizontally; a left arm becomes a right arm."""
    mirrored = np.ascontiguousarray(maps[..., ::-1])
    mirrored[0] = flip_table[mirrored[0]]
    return cv2.flip(image, 1), mirrored


def resized(
    image: np.ndarray, maps: np.ndarray, short_side: int, longest_side: int | None = None
) -> Picture:
    """Resize an image and its maps to a short side, or less if the long side became too long.

    Args:
        image: uint8 [h,w,3].
        maps: uint8 [K,h,w], which take the nearest value.
        short_side: short side, pixels.
        longest_side: largest long side, pixels.
    """
    height, width = image.shape[:2]
    scale = short_side / min(height, width)
    if longest_side is not None:
        scale = min(scale, longest_side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    nearest = [cv2.resize(values, size, interpolation=cv2.INTER_NEAREST_EXACT) for values in maps]
    return cv2.resize(image, size, interpolation=smooth), np.stack(nearest)
