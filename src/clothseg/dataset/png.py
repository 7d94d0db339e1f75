"""PNGs whose pixels are ids: grayscale values, or indices of a palette."""

import io
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clothseg.dataset.image import PNG_BITS_BYTE, open_image, require_size
from clothseg.error import DataError
from clothseg.untrusted import MAX_IMAGE_BYTES, read_file, require_file

if TYPE_CHECKING:
    from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
END = b"IEND\xaeB`\x82"
GRAY, RGB, PALETTE = 0, 2, 3
COLOR_TYPES = {GRAY: "gray", RGB: "RGB", PALETTE: "palette", 4: "gray + alpha", 6: "RGBA"}
COUNTED_AT_ONCE = 1 << 22
"""Pixels per part of a map that is counted."""


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
    require_file(path, MAX_IMAGE_BYTES)
    with path.open("rb") as file:
        header = file.read(26)
    if len(header) < 26 or not header.startswith(SIGNATURE):
        raise DataError(f"{path}: not a PNG; masks must be 8-bit PNGs of class ids")
    return header[PNG_BITS_BYTE], header[25]


def decode_png(path: Path) -> np.ndarray:
    """Decode the stored values [H,W] or [H,W,C]; indices for a palette.

    Raises:
        DataError: the PNG cannot be decoded, or declares too many pixels.
    """
    with _opened(path) as image:
        return np.asarray(image)


def used_palette(path: Path) -> dict[int, str]:
    """Color `#rrggbb` of each palette index that occurs in a valid PNG; empty without a palette."""
    with _opened(path) as image:
        colors = _palette(image.getpalette("RGB"))
        indices = np.unique(np.asarray(image)).tolist() if colors else []
    return {index: colors[index] for index in indices if index < len(colors)}


def palette_colors(path: Path) -> list[str]:
    """Color `#rrggbb` of each index of the palette of a valid PNG; empty without a palette."""
    with _opened(path) as image:
        return _palette(image.getpalette("RGB"))


def _palette(values: list[int] | None) -> list[str]:
    values = values or []
    return [f"#{bytes(values[n : n + 3]).hex()}" for n in range(0, len(values), 3)]


def value_counts(ids: np.ndarray) -> np.ndarray:
    """Count the pixels of each value of unsigned ids of any shape, int64 [256] or longer.

    NumPy converts what it counts to integers of 64 bits, so large maps are counted in parts.
    """
    flat = ids.ravel()
    length = max(256, int(flat.max(initial=0)) + 1)
    counts = np.zeros(length, np.int64)
    for start in range(0, len(flat), COUNTED_AT_ONCE):
        counts += np.bincount(flat[start : start + COUNTED_AT_ONCE], minlength=length)
    return counts


@contextmanager
def _opened(path: Path) -> Iterator["Image.Image"]:
    """Open a PNG whose declared size is allowed.

    Raises:
        DataError: the file is not such a PNG, or decoding it in the context fails.
    """
    data = read_file(path, MAX_IMAGE_BYTES)
    try:
        with open_image(io.BytesIO(data), ("PNG",)) as image:
            require_size(image.height, image.width)
            yield image
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except Exception as error:  # Pillow raises many types for damaged files
        problem = "cannot be decoded" if data.endswith(END) else "is truncated"
        size = f"{len(data)} bytes"
        raise DataError(f"{path}: the PNG {problem} ({size}); write it again") from error
