"""Names of colors in images, such as those of garments."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

REFERENCES = {
    "black": ["#0a0a0a", "#1e1e1e"],
    "gray": ["#464646", "#6e6e6e", "#969696", "#bebebe"],
    "white": ["#e6e6e6", "#ffffff"],
    "beige": ["#d8c4a4", "#e9dcc6", "#bda988"],
    "brown": ["#5a3a22", "#7b5232", "#3c2517"],
    "red": ["#c81e28", "#e63c3c", "#8c1420"],
    "orange": ["#f08228", "#dc6414"],
    "yellow": ["#f0d23c", "#fff07a", "#c8aa1e"],
    "green": ["#3c8c46", "#1e5028", "#78b464", "#6b7b3a"],
    "turquoise": ["#32a0a0", "#82d2cd"],
    "blue": ["#285abe", "#6496dc", "#a0c8f0", "#4b6482"],
    "navy": ["#141e46", "#28325a"],
    "purple": ["#78328c", "#a578be", "#501e64"],
    "pink": ["#f096b4", "#fac8d2", "#dc508c"],
}
"""Colors `#rrggbb` that each name stands for; a color has the name of the nearest one."""

LEVELS = 32
"""Levels of each channel that are told apart."""
SMALLEST_FRACTION = 0.1
"""Smallest fraction of a region that a dominant color has."""
MAX_COLORS = 3
"""Maximum number of dominant colors of a region."""


@dataclass(frozen=True)
class DominantColor:
    """Color of a large part of a region.

    Args:
        name: a key of :data:`REFERENCES`.
        fraction: fraction of the region, 0 to 1.
        rgb: mean of its pixels with this name, `#rrggbb`.
    """

    name: str
    fraction: float
    rgb: str


def dominant_colors(image: np.ndarray, mask: np.ndarray, classes: int) -> list[list[DominantColor]]:
    """Name the dominant colors of each class, the most frequent first.

    Names are those of the nearest reference in CIELAB, whose distances are those that people see.

    Args:
        image: RGB uint8 [H,W,3].
        mask: class ids, or numbers of other regions, integers [H,W] below the number of classes.
        classes: number of classes K.

    Returns:
        At most three colors of at least a tenth of each class [K]; none for classes without pixels.

    Source: named as future work by inacio2019, section VI; the method is ours.
    """
    names = list(REFERENCES)
    levels = (image // (256 // LEVELS)).astype(np.int64)
    named = _table()[levels[..., 0], levels[..., 1], levels[..., 2]]
    key = (mask.astype(np.int64) * len(names) + named).ravel()
    size = classes * len(names)
    counts = np.bincount(key, minlength=size).reshape(classes, len(names))
    sums = np.stack(
        [np.bincount(key, image[..., c].ravel(), minlength=size) for c in range(3)], -1
    ).reshape(classes, len(names), 3)
    found = []
    for own, channels in zip(counts, sums, strict=True):
        fractions = own / max(1, own.sum())
        ranked = [int(k) for k in np.argsort(-own, kind="stable")[:MAX_COLORS]]
        found.append(
            [
                DominantColor(names[k], float(fractions[k]), _hex(channels[k] / own[k]))
                for k in ranked
                if own[k] and fractions[k] >= SMALLEST_FRACTION
            ]
        )
    return found


@cache
def _table() -> np.ndarray:
    """Position of the name of each color in :data:`REFERENCES`, uint8 [L,L,L]."""
    step = 256 // LEVELS
    channel = np.arange(LEVELS) * step + (step - 1) / 2
    colors = np.stack(np.meshgrid(channel, channel, channel, indexing="ij"), -1).reshape(-1, 3)
    owners = [i for i, listed in enumerate(REFERENCES.values()) for _ in listed]
    listed = [bytes.fromhex(c[1:]) for colors_ in REFERENCES.values() for c in colors_]
    references = _lab(np.array([list(c) for c in listed], float))
    distances = np.linalg.norm(_lab(colors)[:, None] - references, axis=-1)
    nearest: np.ndarray = np.array(owners, np.uint8)[distances.argmin(1)]
    return nearest.reshape(LEVELS, LEVELS, LEVELS)


def _lab(colors: np.ndarray) -> np.ndarray:
    """Convert RGB of 0 to 255 [N,3] to CIELAB [N,3]."""
    pixels = (colors / 255).astype(np.float32)[None]
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[0])


def _hex(color: np.ndarray) -> str:
    return f"#{bytes(np.rint(color).astype(np.uint8)).hex()}"
