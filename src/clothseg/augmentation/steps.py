"""Random steps of an augmentation, from images at their own aspect to the network's input.

A step maps an image uint8 [h,w,3] and its mask uint8 [h,w] to another pair, which may have another
size. All of them draw from one generator, which the seed of the image determines.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import cv2
import numpy as np

Pair = tuple[np.ndarray, np.ndarray]
"""Image uint8 [h,w,3] and its mask uint8 [h,w]."""

Factory = TypeVar("Factory", bound=Callable[..., object])


class Step(Protocol):
    """One step."""

    def __call__(self, image: np.ndarray, mask: np.ndarray, generator: np.random.Generator) -> Pair:
        """Return the next image and its mask."""


@dataclass(frozen=True)
class Steps:
    """Augmentation of images at their own aspect.

    Args:
        steps: the last of them returns the size of the network's input.
        longest_side: longest side of the images, pixels; larger ones are reduced before. None: as
            they are.
    """

    steps: Sequence[Step]
    longest_side: int | None

    def __call__(self, image: np.ndarray, mask: np.ndarray, seed: int) -> Pair:
        """Augment an image uint8 [h,w,3] and its mask uint8 [h,w] to uint8 [H,W,3] and [H,W]."""
        generator = np.random.default_rng(seed)
        for step in self.steps:
            image, mask = step(image, mask, generator)
        return image, mask


def own_aspect(factory: Factory) -> Factory:
    """Declare that the augmentation that a function returns takes images at their own aspect.

    Images that are larger than its attribute `longest_side`, if it has one, are reduced before.
    """
    vars(factory)["own_aspect"] = True
    return factory


def takes_own_aspect(factory: Callable[..., object]) -> bool:
    """Return whether the augmentation that a function returns takes images at their own aspect."""
    return bool(getattr(factory, "own_aspect", False))


def of_pictures(factory: Factory) -> Factory:
    """Declare that the augmentation that a function returns is one of pictures with people."""
    vars(factory)["of_pictures"] = True
    return factory


def takes_pictures(factory: Callable[..., object]) -> bool:
    """Return whether the augmentation that a function returns is one of pictures with people."""
    return bool(getattr(factory, "of_pictures", False))


@dataclass(frozen=True)
class Flip:
    """Horizontal flip.

    Args:
        flip_table: class id after a flip for every class id, uint8 [256].
        probability: fraction of the images that are flipped.
    """

    flip_table: np.ndarray
    probability: float

    def __call__(self, image: np.ndarray, mask: np.ndarray, generator: np.random.Generator) -> Pair:
        """Return the pair, flipped or not."""
        if generator.random() >= self.probability:
            return image, mask
        return cv2.flip(image, 1), cv2.LUT(cv2.flip(mask, 1), self.flip_table)


@dataclass(frozen=True)
class Expand:
    """Black bars of random widths on all four sides.

    Both bars of a direction together have a uniform random width, which is divided between the two
    uniformly.

    Args:
        max_ratio: largest height or width, as a multiple of the one before.
        mask_value: value of the bars in the mask.
    """

    max_ratio: float
    mask_value: int

    def __call__(self, image: np.ndarray, mask: np.ndarray, generator: np.random.Generator) -> Pair:
        """Return the larger pair."""
        (top, bottom), (left, right) = (self._bars(side, generator) for side in mask.shape)
        bars = top, bottom, left, right, cv2.BORDER_CONSTANT
        value = self.mask_value
        expanded: np.ndarray = cv2.copyMakeBorder(image, *bars, value=(0, 0, 0))
        return expanded, cv2.copyMakeBorder(mask, *bars, value=value)

    def _bars(self, side: int, generator: np.random.Generator) -> tuple[int, int]:
        total = int(generator.integers(math.floor((self.max_ratio - 1) * side) + 1))
        first = int(generator.integers(total + 1))
        return first, total - first


@dataclass(frozen=True)
class AreaCrop:
    """Crop of a random part of the area, with a random aspect, at a random position.

    Area and logarithm of the aspect are uniform over the windows that fit into the image. If none
    is found, as in a very long image, the largest window with an allowed aspect is taken.

    Args:
        area: fractions of the image's area: more than the first, at most the second.
        aspect: range of width / height.
    """

    area: tuple[float, float]
    aspect: tuple[float, float]

    TRIES = 50
    """Windows that are drawn before the largest one is taken."""

    def __call__(self, image: np.ndarray, mask: np.ndarray, generator: np.random.Generator) -> Pair:
        """Return the pair inside the window."""
        rows, columns = mask.shape
        height, width = self.window(rows, columns, generator)
        top = int(generator.integers(rows - height + 1))
        left = int(generator.integers(columns - width + 1))
        inside = slice(top, top + height), slice(left, left + width)
        return image[inside], mask[inside]

    def window(self, rows: int, columns: int, generator: np.random.Generator) -> tuple[int, int]:
        """Draw height and width of a window of an image, pixels."""
        low, high = np.log(self.aspect)
        for _ in range(self.TRIES):
            area = generator.uniform(*self.area) * rows * columns
            aspect = math.exp(generator.uniform(low, high))
            size = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
            if self._is_allowed(*size, rows, columns):
                return size
        return self.largest(rows, columns)

    def largest(self, rows: int, columns: int) -> tuple[int, int]:
        """Height and width of the largest window with an allowed aspect, pixels."""
        low, high = self.aspect
        height = min(rows, max(1, math.floor(columns / low)))
        return height, min(columns, max(1, math.floor(height * high)))

    def _is_allowed(self, height: int, width: int, rows: int, columns: int) -> bool:
        """Compare a window after rounding with all conditions."""
        least, most = (fraction * rows * columns for fraction in self.area)
        fits = 0 < height <= rows and 0 < width <= columns
        return (
            fits
            and self.aspect[0] <= width / height <= self.aspect[1]
            and least < height * width <= most
        )


@dataclass(frozen=True)
class Noise:
    """Gaussian noise of the image, independent for each pixel and channel; rounded, and clipped.

    Args:
        std: standard deviation, gray levels.
    """

    std: float

    def __call__(self, image: np.ndarray, mask: np.ndarray, generator: np.random.Generator) -> Pair:
        """Return the image with noise, and the same mask."""
        noise = generator.standard_normal(image.shape, np.float32)
        noisy: np.ndarray = cv2.addWeighted(image, 1, noise, self.std, 0, dtype=cv2.CV_8U)
        return noisy, mask


@dataclass(frozen=True)
class Resize:
    """Size of the network's input; masks take the nearest class.

    Args:
        height: height H, pixels.
        width: width W, pixels.
        interpolation: of the image, `area` or `nearest`.
    """

    height: int
    width: int
    interpolation: Literal["area", "nearest"]

    def __call__(self, image: np.ndarray, mask: np.ndarray, generator: np.random.Generator) -> Pair:
        """Return the resized pair."""
        size, nearest = (self.width, self.height), cv2.INTER_NEAREST_EXACT
        rule = cv2.INTER_AREA if self.interpolation == "area" else nearest
        resized: np.ndarray = cv2.resize(image, size, interpolation=rule)
        return resized, cv2.resize(mask, size, interpolation=nearest)
