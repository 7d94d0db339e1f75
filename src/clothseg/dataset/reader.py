"""What every dataset reader offers, and the parts that all of them share."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from clothseg.error import DataError

EDGE = 1 << 16
"""Bytes read from each end of a file for the fingerprint; smaller files are read whole."""


@dataclass(frozen=True)
class Sample:
    """One photo with its annotation.

    Args:
        name: unique within the dataset; the stem of every file written for it.
        image: the photo.
        annotation: the file of its labels.
    """

    name: str
    image: Path
    annotation: Path


class Reader(ABC):
    """A dataset in its native layout.

    Args:
        root: the dataset's folder.
        names: source names in id order; the mask values of :meth:`read` index them.
    """

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self.root = root
        self.names = list(names)

    @property
    def ready(self) -> bool:
        """Whether the photos are there; one that makes them itself can be without."""
        return True

    @abstractmethod
    def samples(self) -> list[Sample]:
        """All annotated photos in a stable order.

        Raises:
            DataError: the folder is missing or has another layout, or a photo has no partner.
        """

    @abstractmethod
    def read_mask(self, sample: Sample) -> np.ndarray:
        """Source ids uint8 [H,W] of one sample.

        Raises:
            DataError: the annotation cannot be decoded.
        """

    def read(self, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        """Photo uint8 [H,W,3] and source ids uint8 [H,W], checked against each other.

        Raises:
            DataError: names the file and what is wrong with it: it cannot be decoded, sizes
                differ, or an id is out of range.
        """
        image, mask = read_photo(sample.image), self.read_mask(sample)
        if image.shape[:2] != mask.shape:
            raise DataError(
                f"{sample.annotation}: labels are {_size(mask)}, its photo {sample.image} is "
                f"{_size(image)} (width x height); both must have one size"
            )
        values = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
        wrong = [int(v) for v in values if len(self.names) <= v < 255]
        if wrong:
            raise DataError(
                f"{sample.annotation}: label {', '.join(map(str, wrong))} is out of range; "
                f"allowed are 0 to {len(self.names) - 1} and 255 (ignore)"
            )
        return image, mask

    def fingerprint(self) -> str:
        """Hash of the content: names, sizes and both ends of every file, not the place."""
        digest = hashlib.blake2b(repr(self.names).encode(), digest_size=16)
        for sample in self.samples():
            for path in (sample.image, sample.annotation):
                digest.update(f"{path.relative_to(self.root)}:{path.stat().st_size}".encode())
                digest.update(_edges(path))
        return digest.hexdigest()


def read_photo(path: Path) -> np.ndarray:
    """Decode a photo as stored, without EXIF rotation: uint8 [H,W,3], RGB.

    Raises:
        DataError: the file is truncated or is no picture.
    """
    data = path.read_bytes()
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    # OpenCV fills the missing part of a truncated JPEG with grey and says nothing.
    truncated = data[:2] == b"\xff\xd8" and b"\xff\xd9" not in data[-EDGE:]
    if image is None or truncated:
        kind = "is truncated" if truncated or not data else "cannot be decoded as a picture"
        raise DataError(f"{path}: the photo {kind} ({len(data)} bytes); get the file again")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def missing_partners(kind: str, missing: Sequence[Path]) -> DataError:
    """The error for annotations whose photo is missing, or the other way round."""
    shown = ", ".join(str(path) for path in missing[:3]) + (" …" if len(missing) > 3 else "")
    return DataError(f"{len(missing)} {kind} missing: {shown}")


def _edges(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(EDGE)
        if len(head) == EDGE:
            file.seek(max(EDGE, path.stat().st_size - EDGE))
            head += file.read(EDGE)
    return head


def _size(array: np.ndarray) -> str:
    return f"{array.shape[1]}x{array.shape[0]}"
