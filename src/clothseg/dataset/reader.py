"""What every dataset reader offers, and the parts that all of them share."""

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from clothseg.error import DataError

EDGE = 1 << 16
"""Bytes read from each end of a file for the fingerprint; smaller files are read whole."""


Missing = Literal["error", "leave_out"]
"""What becomes of annotations whose photo is not there."""


@dataclass(frozen=True)
class Sample:
    """One photo with its annotation.

    Args:
        name: unique within the dataset; the stem of every file written for it.
        image: the photo.
        annotation: the file of its labels; all samples may have theirs in one file.
        source: the dataset that it comes from, where several are merged; else empty.
        part: `train`, `validation` or `test` where the release divides its photos; else empty.
    """

    name: str
    image: Path
    annotation: Path
    source: str = ""
    part: str = ""


class Reader(ABC):
    """A dataset in its native layout.

    Args:
        root: the dataset's folder.
        names: source names in id order; the mask values of :meth:`read` index them.

    Attributes:
        treatment: what beside the files decides photos and masks, in words; enters the cache's key.
    """

    treatment = ""

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

    def objects(self, sample: Sample) -> list[tuple[int, int]] | None:
        """Source id and area in pixels of every annotated object of one sample.

        None for a dataset that tells classes apart and not objects.
        """
        return None

    def files(self, sample: Sample) -> list[Path]:
        """Every file that decides a sample."""
        return [sample.image, sample.annotation]

    def prepare(self) -> None:  # noqa: B027, most datasets need nothing
        """Do once, before many samples are read, what all of them need."""

    def warnings(self) -> list[str]:
        """What is odd about the dataset's files and stops nothing, one sentence each."""
        return []

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
        """Hash of the content: names, sizes and both ends of every file, not the place.

        A file that holds the labels of several samples is read as a whole.
        """
        digest = hashlib.blake2b(repr(self.names).encode(), digest_size=16)
        uses = Counter(path for sample in self.samples() for path in self.files(sample))
        for path, samples in uses.items():
            digest.update(f"{path.relative_to(self.root)}:{path.stat().st_size}".encode())
            digest.update(_edges(path) if samples == 1 else _whole(path))
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


def present(samples: Sequence[Sample], listed: str, missing: Missing) -> list[Sample]:
    """The samples whose photo is there.

    Args:
        samples: all that the annotations list.
        listed: where they are listed, for the message.
        missing: what becomes of the others.

    Raises:
        DataError: photos are missing and that is an error, or none is there.
    """
    there = [sample for sample in samples if sample.image.is_file()]
    absent = [sample.image for sample in samples if not sample.image.is_file()]
    if absent and (missing == "error" or not there):
        raise DataError(f"{len(absent)} photos of {listed} are missing: {some(absent)}")
    return there


def some(items: Sequence[object]) -> str:
    """The first three of a list, for a message."""
    return ", ".join(map(str, items[:3])) + (" …" if len(items) > 3 else "")


def other_layout(root: Path, layout: str) -> DataError:
    """The error for a folder that is missing or holds something else.

    Args:
        root: the dataset's folder.
        layout: what is expected in it.
    """
    if not root.is_dir():
        return DataError(f"dataset.root={root} is not a folder; expected there: {layout}")
    found = ", ".join(sorted(p.name for p in root.iterdir())[:8]) or "nothing"
    return DataError(f"dataset.root={root} has another layout: expected {layout}; found {found}")


def _edges(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(EDGE)
        if len(head) == EDGE:
            file.seek(max(EDGE, path.stat().st_size - EDGE))
            head += file.read(EDGE)
    return head


def _whole(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()


def _size(array: np.ndarray) -> str:
    return f"{array.shape[1]}x{array.shape[0]}"
