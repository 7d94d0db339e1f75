"""PNGs whose pixels are ids and not colours: grey ones, and the indices of a palette."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from clothseg.error import DataError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE = 0, 2, 3
COLOR_TYPES = {GREY: "grey", RGB: "RGB", PALETTE: "palette", 4: "grey + alpha", 6: "RGBA"}


def read_ids(path: Path, depths: Collection[int] = (8,)) -> np.ndarray:
    """Ids [H,W] of a PNG with one channel, or with a palette: uint8, or uint16 for 16 bits.

    Args:
        path: the PNG.
        depths: bits that a grey pixel may have.

    Raises:
        DataError: the file is no such PNG or cannot be decoded.
    """
    depth, color_type = png_format(path)
    # Grey of 1, 2 or 4 bits is scaled to 255 by decoders, so its ids would be lost; palette
    # indices are not scaled.
    if color_type != PALETTE and (color_type != GREY or depth not in depths):
        allowed = " or ".join(map(str, depths))
        raise DataError(
            f"{path}: {depth}-bit {COLOR_TYPES.get(color_type, 'unknown')} PNG; masks have one "
            f"channel of {allowed} bits (grey or palette) that holds the class ids"
        )
    return decoded_png(path)


def png_format(path: Path) -> tuple[int, int]:
    """Bits per channel, and the colour type in the numbers of the PNG standard.

    Raises:
        DataError: the file is no PNG.
    """
    with path.open("rb") as file:
        header = file.read(26)
    if len(header) < 26 or not header.startswith(SIGNATURE):
        raise DataError(f"{path}: this is not a PNG; masks are 8-bit PNGs of class ids")
    return header[24], header[25]


def decoded_png(path: Path) -> np.ndarray:
    """The values as stored, [H,W] or [H,W,C]; a palette's indices.

    Raises:
        DataError: the PNG cannot be decoded.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return np.asarray(picture)
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path}: the PNG cannot be decoded ({error}); write it again") from error


def used_palette(path: Path) -> dict[int, str]:
    """Colour `#rrggbb` of every index of a sound PNG's palette that some pixel has; else empty."""
    from PIL import Image

    with Image.open(path) as picture:
        palette = picture.getpalette("RGB") or []
        indices = np.unique(np.asarray(picture)).tolist() if palette else []
    return {i: f"#{bytes(palette[3 * i : 3 * i + 3]).hex()}" for i in indices}
