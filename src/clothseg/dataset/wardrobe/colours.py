"""What people call a colour."""

import numpy as np
from numpy.typing import NDArray

from clothseg.dataset.wardrobe.piece import Array, Cloth

COLOURS = (
    "beige", "black", "blue", "brown", "gray", "green", "orange", "pink", "purple", "red", "white",
    "yellow",
)  # fmt: skip
"""The names of Colorful-Fashion Parsing Data, in its order."""
SAMPLES = 24
"""Points along each side of the swatch that is looked at."""


def main_colour(cloth: Cloth) -> tuple[str, float]:
    """The name of :data:`COLOURS` that covers most of a cloth, and its share of 0 to 1.

    A solid cloth has one colour, its mean: nobody counts the shades of its ribs and folds.
    """
    swatch = np.linspace(-0.6, 0.6, SAMPLES, dtype=np.float32)
    across, along = np.meshgrid(swatch, swatch)
    colours = cloth(across, along).reshape(-1, 3)
    if cloth.pattern == "solid":
        colours = colours.mean(0, keepdims=True)
    counts = np.bincount(_names(colours), minlength=len(COLOURS))
    most = int(counts.argmax())
    return COLOURS[most], float(counts[most] / len(colours))


def _names(colours: Array) -> NDArray[np.intp]:
    """The place in :data:`COLOURS` of every colour, RGB 0 to 255 [n,3]."""
    colours = np.clip(colours, 0, 255) / 255
    value, span = colours.max(1), np.ptp(colours, 1)
    saturation = span / np.maximum(value, 1e-6)
    hue = _hue(colours, value, span)
    red = (hue < 16) | (hue >= 345)
    rules = (
        ("black", value < 0.22),
        ("white", (saturation < 0.14) & (value > 0.78)),
        ("gray", saturation < 0.14),
        ("beige", (hue >= 16) & (hue < 65) & (saturation < 0.42) & (value > 0.65)),
        ("brown", (hue >= 16) & (hue < 50) & (value < 0.68)),
        ("brown", red & (value < 0.6) & (saturation < 0.55)),
        ("pink", (red | (hue >= 300)) & (value > 0.6) & (saturation < 0.55)),
        ("red", red),
        ("orange", hue < 42),
        ("yellow", hue < 68),
        ("green", hue < 165),
        ("blue", hue < 255),
        ("purple", hue < 315),
        ("pink", value > 0.6),
        ("purple", value >= 0),
    )
    answers = [COLOURS.index(name) for name, _ in rules]
    return np.select([holds for _, holds in rules], answers).astype(np.intp)


def _hue(colours: Array, value: Array, span: Array) -> Array:
    """Degrees on the colour wheel: red 0, green 120, blue 240; colours 0 to 1 [n,3]."""
    red, green, blue = colours.T
    safe = np.maximum(span, 1e-6)
    sector = np.select(
        [value == red, value == green],
        [np.mod((green - blue) / safe, 6), (blue - red) / safe + 2],
        (red - green) / safe + 4,
    )
    return 60 * sector
