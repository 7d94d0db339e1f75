"""Geometry of the network's input: where an image of any size lies in it, and the way back.

A :class:`Frame` is the input's height and width with the rule by which images are fitted into it:

* ``squeeze``: the whole image fills the frame; height and width are scaled separately, so that
  people become broader or slimmer;
* ``letterbox``: the whole image, with its aspect, in the middle of the frame; the rest is padding,
  in :data:`PADDING_COLOR` and ignored in the mask, so that it is neither trained nor scored;
* ``crop``: the middle of the image, with its aspect, fills the frame; the rest is cut off.

Each rule pairs a window of the image with a window of the frame, see :class:`Placement`, by which
everything that goes to the network or comes back is placed: the rows of the cache, photos to
predict, logits that are scored at the original size, images in figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from clothseg.labels import IGNORE

Fit = Literal["squeeze", "letterbox", "crop"]
"""Rule by which an image is fitted into a frame."""

MaskPixel = Literal["center", "corner"]
"""Pixel of a mask that gives the class of a larger pixel of the frame: the one at its center, or
the upper left one, which moves the mask by half a pixel of the frame, as in version 0.1."""

ImageSize = int | tuple[int, int]
"""Height and width in pixels; one number if they are equal."""

PADDING_COLOR = (124, 116, 104)
"""RGB of the padding of a letterbox: ImageNet's mean, which normalization maps to about 0, the
value with which convolutions pad."""


def sides(image_size: int | Sequence[int]) -> tuple[int, int]:
    """Return height and width of an image size, pixels."""
    if isinstance(image_size, int):
        return image_size, image_size
    height, width = image_size
    return height, width


@dataclass(frozen=True)
class Window:
    """Rectangle of pixels.

    Args:
        top: first row.
        left: first column.
        height: number of rows.
        width: number of columns.
    """

    top: int
    left: int
    height: int
    width: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, pixels."""
        return self.height, self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the window's rows and columns."""
        rows = slice(self.top, self.top + self.height)
        return rows, slice(self.left, self.left + self.width)


@dataclass(frozen=True)
class Placement:
    """Image of h x w pixels in a frame of H x W: one window of each, which show the same.

    Args:
        size: height h and width w of the image.
        frame: the frame.
        source: part of the image that is visible in the frame.
        target: part of the frame that the image fills.
    """

    size: tuple[int, int]
    frame: "Frame"
    source: Window
    target: Window

    def image(self, image: np.ndarray) -> np.ndarray:
        """Place an image uint8 [h,w,3] in the frame, area-resized: uint8 [H,W,3]."""
        placed = self._resized(image, cv2.INTER_AREA)
        if self.target.size == self.frame.size:
            return placed
        canvas = np.full((*self.frame.size, 3), PADDING_COLOR, np.uint8)
        canvas[self.target.slices] = placed
        return canvas

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """Place a mask uint8 [h,w] in the frame, nearest-resized: uint8 [H,W], 255 = ignore."""
        corner = self.frame.mask_pixel == "corner"
        placed = self._resized(mask, cv2.INTER_NEAREST if corner else cv2.INTER_NEAREST_EXACT)
        if self.target.size == self.frame.size:
            return placed
        canvas = np.full(self.frame.size, IGNORE, np.uint8)
        canvas[self.target.slices] = placed
        return canvas

    def _resized(self, array: np.ndarray, interpolation: int) -> np.ndarray:
        """Resize the visible part of an array [h,w,...] to the size that it has in the frame."""
        visible = array if self.source.size == self.size else array[self.source.slices]
        height, width = self.target.size
        resized: np.ndarray = cv2.resize(visible, (width, height), interpolation=interpolation)
        return resized


@dataclass(frozen=True)
class Frame:
    """Size of the network's input, and how images are fitted into it.

    Args:
        height: height H, pixels.
        width: width W, pixels.
        fit: the rule.
        mask_pixel: pixel of a mask that is sampled.
    """

    height: int
    width: int
    fit: Fit = "squeeze"
    mask_pixel: MaskPixel = "center"

    @classmethod
    def of(
        cls,
        image_size: int | Sequence[int],
        fit: Fit = "squeeze",
        mask_pixel: MaskPixel = "center",
    ) -> "Frame":
        """Create the frame of a size; one number stands for both sides."""
        return cls(*sides(image_size), fit, mask_pixel)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, pixels."""
        return self.height, self.width

    @property
    def image_size(self) -> ImageSize:
        """Height and width, pixels; one number for a square."""
        return self.height if self.height == self.width else self.size

    def placement(self, height: int, width: int) -> Placement:
        """Place an image of a height and width in pixels.

        An aspect is kept up to half a pixel of the window that has to be rounded.
        """
        source, target = Window(0, 0, height, width), Window(0, 0, *self.size)
        if self.fit == "letterbox":
            target = _middle(self.size, inscribed((height, width), self.size))
        elif self.fit == "crop":
            source = _middle((height, width), inscribed(self.size, (height, width)))
        return Placement((height, width), self, source, target)

    def filled(self, sizes: Sequence[Sequence[int]] | np.ndarray) -> np.ndarray:
        """Compute the fraction of the frame that each image fills, float64 [N].

        Args:
            sizes: heights and widths of N images, pixels.
        """
        areas = [self._target_area(int(height), int(width)) for height, width in sizes]
        return np.array(areas, float) / (self.height * self.width)

    def _target_area(self, height: int, width: int) -> int:
        target = self.placement(height, width).target
        return target.height * target.width


@dataclass(frozen=True)
class OwnAspect:
    """Size of images at their own aspect, which differs from image to image.

    Args:
        longest_side: longest side, pixels; larger images are reduced to it. None: original size.
        maps: further maps beside the mask, in the order in which they are stored.
    """

    longest_side: int | None
    maps: tuple[str, ...] = ()

    def placement(self, height: int, width: int) -> Placement:
        """Place an image of a height and width in pixels in a frame of its own aspect."""
        size, longest = (height, width), self.longest_side
        if longest is not None and max(size) > longest:
            size = inscribed(size, (longest, longest))
        whole = Window(0, 0, height, width), Window(0, 0, *size)
        return Placement((height, width), Frame(*size, "letterbox"), *whole)


def inscribed(shape: tuple[int, int], outer: tuple[int, int]) -> tuple[int, int]:
    """Compute the largest height and width with the aspect of a shape that fit into another one.

    Args:
        shape: height and width whose aspect is kept.
        outer: largest height and width, pixels.
    """
    (height, width), (rows, columns) = shape, outer
    if rows * width <= columns * height:  # the height is what limits
        return rows, max(1, _rounded_ratio(width * rows, height))
    return max(1, _rounded_ratio(height * columns, width)), columns


def _rounded_ratio(numerator: int, denominator: int) -> int:
    """Round a ratio of natural numbers to the nearest one, exactly; halves are rounded up."""
    return (2 * numerator + denominator) // (2 * denominator)


def _middle(outer: tuple[int, int], size: tuple[int, int]) -> Window:
    """Window of a size in the middle of a larger one; an odd pixel goes to the end."""
    return Window((outer[0] - size[0]) // 2, (outer[1] - size[1]) // 2, *size)
