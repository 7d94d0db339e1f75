"""Pictures within a page: data URIs, and photos with masks that lie over them."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from clothseg.error import DataError
from clothseg.labels import IGNORE
from clothseg.untrusted import MAX_NOTE_BYTES, require_file

LONGEST_SIDE = 300
"""Longest side of a photo, pixels."""
JPEG_QUALITY = 80
WEBP_QUALITY = 75
MAX_FIGURE_WIDTH = 1200
"""Width to which a recorded figure is reduced, pixels."""


@dataclass(frozen=True)
class Layer:
    """Mask that lies over a photo.

    Args:
        heading: ground truth, or the configuration that predicted it.
        mask: transparent PNG as a data URI.
        iou: IoU from 0 to 1; None for the ground truth, NaN if undefined.
    """

    heading: str
    mask: str
    iou: float | None = None

    @property
    def caption(self) -> str:
        """IoU in words; empty for the ground truth."""
        if self.iou is None:
            return ""
        return "IoU undefined" if math.isnan(self.iou) else f"IoU {100 * self.iou:.1f} %"


@dataclass(frozen=True)
class Shown:
    """Photo with its masks.

    Args:
        name: name of the image.
        width: width in pixels.
        height: height in pixels.
        photo: JPEG as a data URI.
        layers: its masks, the ground truth first.
        classes: ids of the classes that occur in them, without the background.
    """

    name: str
    width: int
    height: int
    photo: str
    layers: Sequence[Layer]
    classes: Sequence[int]


def show(
    name: str,
    image: np.ndarray,
    masks: Sequence[tuple[str, np.ndarray, float | None]],
    colors: np.ndarray,
) -> Shown:
    """Reduce a photo and its masks to the size of a page, and encode them.

    Args:
        name: name of the image.
        image: RGB uint8 [H,W,3].
        masks: heading, class ids uint8 [H,W] and IoU of each mask; the ground truth has None.
        colors: class colors RGB uint8 [K,3].
    """
    height, width = image.shape[:2]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size = max(1, round(scale * width)), max(1, round(scale * height))
    photo = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)
    small = [
        cv2.resize(np.ascontiguousarray(mask), size, interpolation=cv2.INTER_NEAREST_EXACT)
        for _, mask, _ in masks
    ]
    layers = [
        Layer(heading, _mask_uri(mask, colors), iou)
        for (heading, _, iou), mask in zip(masks, small, strict=True)
    ]
    occurring = sorted({int(k) for mask in small for k in np.unique(mask)} - {0, IGNORE})
    return Shown(name, *size, _jpeg_uri(photo), layers, occurring)


def recorded_figure(path: Path) -> str | None:
    """Encode a figure of a record as a smaller data URI; None if it is missing or damaged."""
    try:
        require_file(path, MAX_NOTE_BYTES)
        with Image.open(path, formats=("PNG",)) as opened:
            figure = opened.convert("RGB")
    except (DataError, OSError, ValueError, Image.DecompressionBombError):
        return None
    figure.thumbnail((MAX_FIGURE_WIDTH, 4 * MAX_FIGURE_WIDTH))
    return _encoded(figure, "webp", quality=WEBP_QUALITY, method=6)


def palette_png(indices: np.ndarray, palette: np.ndarray) -> str:
    """Encode a small picture as a PNG with a palette, as a data URI.

    Args:
        indices: entries of the palette, uint8 [H,W].
        palette: RGBA uint8 [n,4].
    """
    image = Image.fromarray(indices)
    image.putpalette(palette[:, :3].tobytes(), "RGB")
    return _encoded(image, "png", optimize=True, transparency=palette[:, 3].tobytes())


def _jpeg_uri(photo: np.ndarray) -> str:
    return _encoded(Image.fromarray(photo), "jpeg", quality=JPEG_QUALITY, optimize=True)


def _mask_uri(mask: np.ndarray, colors: np.ndarray) -> str:
    """Encode a mask; the background is transparent, ignored pixels are gray."""
    ignored = len(colors)
    palette = np.full((ignored + 1, 4), 255, np.uint8)
    palette[:ignored, :3] = colors
    palette[ignored, :3] = 217
    palette[0, 3] = 0
    return palette_png(np.where(mask == IGNORE, ignored, mask).astype(np.uint8), palette)


def _encoded(image: Image.Image, kind: str, **options: object) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
