"""Decoding of one image, and its EXIF orientation."""

from pathlib import Path

import cv2
import numpy as np

from clothseg.dataset.defect import Defect

ORIENTATION_TAG = 0x0112
"""EXIF tag that tells viewers how to rotate an image; 1 is as stored, 2 to 8 are not."""


def read_image(path: Path, upright: bool = False) -> np.ndarray:
    """Decode an image: uint8 [H,W,3], RGB.

    Args:
        path: of the image.
        upright: apply the EXIF rotation; masks of datasets match images as stored.

    Raises:
        Defect: the file is truncated or not an image.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"{path}: the image cannot be read ({error.strerror})"
        raise Defect("unreadable image", path, "", message) from error
    flags = cv2.IMREAD_COLOR | (0 if upright else cv2.IMREAD_IGNORE_ORIENTATION)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except (cv2.error, MemoryError):  # the header declares an impossible number of pixels
        image = None
    if image is None:
        truncated = not data or (data[:2] == b"\xff\xd8" and not data.endswith(b"\xff\xd9"))
        kind = "is truncated" if truncated else "cannot be decoded"
        size = f"{len(data)} bytes"
        message = f"{path}: the image {kind} ({size}); obtain the file again"
        raise Defect("unreadable image", path, size, message)
    rgb: np.ndarray = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb


def rotation(path: Path) -> Defect | None:
    """Return the defect of an image that viewers and other loaders rotate, but not its mask."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            orientation = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # decoding reports any damage
        return None
    if orientation not in range(2, 9):
        return None
    message = (
        f"{path}: EXIF orientation {orientation} makes viewers and other loaders rotate the image, "
        "but not its mask; save the image upright and remove the tag"
    )
    return Defect("rotated image", path, str(orientation), message)
