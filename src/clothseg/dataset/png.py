"""PNGs whose pixels are ids: grayscale values, or indices of a palette."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from clothseg.error import DataError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE = 0, 2, 3
COLOR_TYPES = {GRAY: "gray", RGB: "RGB", PALETTE: "palette", 4: "gray + alpha", 6: "RGBA"}


def read_ids(path: Path, depths: Collection[int] = (8,)) -> np.ndarray:
    """Read the ids [H,W] of a one-channel or palette PNG: uint8, or uint16 for 16 bits.

    Args:
        path: the PNG.
        depths: allowed bits per gray pixel.

    Raises:
        DataError: the file is not such a PNG or cannot be decoded.
    """
    depth, color_type = png_format(path)
    # Decoders scale 1-, 2- and 4-bit gray values to 255, which destroys ids; palette indices are
    # not scaled.
    if color_type != PALETTE and (color_type != GRAY or depth not in depths):
        allowed = " or ".join(map(str, depths))
        raise DataError(
            f"{path}: {depth}-bit {COLOR_TYPES.get(color_type, 'unknown')} PNG; masks must have "
            f"one channel of {allowed} bits (gray or palette) with the class ids"
        )
    return decode_png(path)


def png_format(path: Path) -> tuple[int, int]:
    """Return the bits per channel and the color type (as numbered in the PNG standard).

    Raises:
        DataError: the file is not a PNG.
    """
    with path.open("rb") as file:
        header = file.read(26)
    if len(header) < 26 or not header.startswith(SIGNATURE):
        raise DataError(f"{path}: not a PNG; masks must be 8-bit PNGs of class ids")
    return header[24], header[25]


def decode_png(path: Path) -> np.ndarray:
    """Decode the stored values [H,W] or [H,W,C]; indices for a palette.

    Raises:
        DataError: the PNG cannot be decoded.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path}: the PNG cannot be decoded ({error}); write it again") from error


def used_palette(path: Path) -> dict[int, str]:
    """Color `#rrggbb` of each palette index that occurs in a valid PNG; empty without a palette."""
    from PIL import Image

    with Image.open(path) as image:
        colors = _palette(image.getpalette("RGB"))
        indices = np.unique(np.asarray(image)).tolist() if colors else []
    return {index: colors[index] for index in indices if index < len(colors)}


def palette_colors(path: Path) -> list[str]:
    """Color `#rrggbb` of each index of the palette of a valid PNG; empty without a palette."""
    from PIL import Image

    with Image.open(path) as image:
        return _palette(image.getpalette("RGB"))


def _palette(values: list[int] | None) -> list[str]:
    values = values or []
    return [f"#{bytes(values[n : n + 3]).hex()}" for n in range(0, len(values), 3)]
