"""Figure of a mask at decreasing scales: nearest neighbors against label pooling."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from clothseg.labels import IGNORE
from clothseg.report.masks import color_mask
from clothseg.report.picture_grid import Row, draw_grid

SIDE = 168
"""Side of a picture, pixels."""
FRAME_COLOR = (150, 150, 150)


def draw_label_scales(
    nearest: Sequence[np.ndarray],
    pooled: Sequence[np.ndarray],
    names: Sequence[str],
    colors: np.ndarray,
    path: Path,
    title: str,
) -> None:
    """Draw a mask at decreasing scales in the first row, and the presence of its classes below.

    Args:
        nearest: class ids uint8 [h,w] of nearest neighbors at each scale, the whole mask first; 255
            = ignore.
        pooled: presence of each class at the same scales, bool [K,h,w].
        names: class names [K].
        colors: class colors RGB uint8 [K,3].
        path: the PNG to write.
        title: title of the figure.

    Source: dang2020, Fig. 3.
    """
    present = [int(k) for k in np.unique(nearest[0]) if k not in (0, IGNORE)]
    masks = [_picture(color_mask(mask, colors)) for mask in nearest]
    rows = [Row("nearest neighbor", masks, ["", *_losses(nearest, names)], "All classes")]
    for index, k in enumerate(present):
        maps = [_picture(np.where(presence[k][..., None], colors[k], 255)) for presence in pooled]
        heading = "Label pooling, one class at a time" if index == 0 else ""
        rows.append(Row(names[k], maps, [""] * len(maps), heading))
    draw_grid(rows, [_header(mask.shape) for mask in nearest], {}, path, title)


def _losses(nearest: Sequence[np.ndarray], names: Sequence[str]) -> list[str]:
    """Say at each scale but the first which classes are lost compared with the one before."""
    found = [{*np.unique(mask).tolist()} - {0, IGNORE} for mask in nearest]
    return [
        f"lost: {', '.join(names[k] for k in sorted(before - after))}" if before - after else ""
        for before, after in pairwise(found)
    ]


def _picture(pixels: np.ndarray) -> np.ndarray:
    """Enlarge to the size of a picture, with a frame; uint8 [h,w,3]."""
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    picture = cv2.resize(pixels.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT)
    framed: np.ndarray = cv2.copyMakeBorder(
        picture, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=FRAME_COLOR
    )
    return framed


def _header(shape: Sequence[int]) -> str:
    return f"{shape[0]} x {shape[1]}"
