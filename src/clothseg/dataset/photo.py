"""A photo alone: decoding it, and what its EXIF entry says."""

from pathlib import Path

import cv2
import numpy as np

from clothseg.dataset.defect import Defect

ORIENTATION = 0x0112
"""Tag of EXIF that tells viewers how to turn a photo; 1 is as stored, 2 to 8 are not."""


def read_photo(path: Path, upright: bool = False) -> np.ndarray:
    """Decode a photo: uint8 [H,W,3], RGB.

    Args:
        path: the photo.
        upright: turn it as its EXIF entry says; masks of datasets are drawn on photos as stored.

    Raises:
        Defect: the file is truncated or is no picture.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"{path}: the photo cannot be read ({error.strerror})"
        raise Defect("unreadable photo", path, "", message) from error
    flags = cv2.IMREAD_COLOR | (0 if upright else cv2.IMREAD_IGNORE_ORIENTATION)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except (cv2.error, MemoryError):  # it says that it has more pixels than can be
        image = None
    if image is None:
        truncated = not data or (data[:2] == b"\xff\xd8" and not data.endswith(b"\xff\xd9"))
        kind = "is truncated" if truncated else "cannot be decoded as a picture"
        size = f"{len(data)} bytes"
        message = f"{path}: the photo {kind} ({size}); get the file again"
        raise Defect("unreadable photo", path, size, message)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def rotation(path: Path) -> Defect | None:
    """The defect of a photo that viewers and other loaders turn, which leaves its mask behind."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            orientation = picture.getexif().get(ORIENTATION, 1)
    except Exception:  # whatever is wrong with the photo is found when it is decoded
        return None
    if orientation not in range(2, 9):
        return None
    message = (
        f"{path}: EXIF orientation {orientation} has viewers and other loaders turn the photo, but "
        "not its mask; store the photo as it is to be seen and take the tag out"
    )
    return Defect("rotated photo", path, str(orientation), message)
