"""Color names of cloth."""

import numpy as np
from numpy.typing import NDArray

from clothseg.dataset.wardrobe.piece import Array, Cloth

COLORS = (
    "beige", "black", "blue", "brown", "gray", "green", "orange", "pink", "purple", "red", "white",
    "yellow",
)  # fmt: skip
"""Color names of Colorful-Fashion Parsing Data, in its order."""
SWATCH_SIZE = 24
"""Points sampled along each side of a swatch."""


def main_color(cloth: Cloth) -> tuple[str, float]:
    """Return the name in :data:`COLORS` that covers most of a cloth, and its fraction, 0 to 1.

    A solid cloth has one color, its mean: the shading of ribs and folds does not count.
    """
    swatch = np.linspace(-0.6, 0.6, SWATCH_SIZE, dtype=np.float32)
    across, along = np.meshgrid(swatch, swatch)
    colors = cloth(across, along).reshape(-1, 3)
    if cloth.pattern == "solid":
        colors = colors.mean(0, keepdims=True)
    counts = np.bincount(_classify(colors), minlength=len(COLORS))
    index = int(counts.argmax())
    return COLORS[index], float(counts[index] / len(colors))


def _classify(colors: Array) -> NDArray[np.intp]:
    """Return the index in :data:`COLORS` of every color, RGB 0 to 255 [n,3]."""
    colors = np.clip(colors, 0, 255) / 255
    value, span = colors.max(1), np.ptp(colors, 1)
    saturation = span / np.maximum(value, 1e-6)
    hue = _hue(colors, value, span)
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
    indices = [COLORS.index(name) for name, _ in rules]
    return np.select([condition for _, condition in rules], indices).astype(np.intp)


def _hue(colors: Array, value: Array, span: Array) -> Array:
    """Return the hue in degrees (red 0, green 120, blue 240) of colors 0 to 1 [n,3]."""
    red, green, blue = colors.T
    safe = np.maximum(span, 1e-6)
    sector: Array = np.select(
        [value == red, value == green],
        [np.mod((green - blue) / safe, 6), (blue - red) / safe + 2],
        (red - green) / safe + 4,
    )
    return 60 * sector
