"""What every dataset reader offers, and the parts that all of them share."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from clothseg.dataset.defect import Defect, SkippedSample
from clothseg.dataset.photo import read_photo, rotation
from clothseg.dataset.sample import Sample
from clothseg.error import ConfigError, DataError
from clothseg.labels import IGNORE

EDGE = 1 << 16
"""Bytes read from each end of a file for the fingerprint; smaller files are read whole."""


@dataclass(frozen=True)
class Inspection:
    """What one sample decodes into, as far as it does, and all that is wrong with it.

    Args:
        image: photo uint8 [H,W,3]; None when it is unreadable.
        mask: source ids uint8 [H,W]; None when the annotation is unreadable.
        defects: empty for a sound sample.
    """

    image: np.ndarray | None
    mask: np.ndarray | None
    defects: Sequence[Defect]


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

    @property
    def parts(self) -> Mapping[str, "Reader"]:
        """The datasets that it is made of, by the name that samples carry as their source."""
        return {"": self}

    @abstractmethod
    def samples(self) -> list[Sample]:
        """All annotated photos in a stable order.

        Raises:
            MissingPartnersError: annotations have no photo; lists them, and the other samples.
            DataError: the folder is missing or has another layout.
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

    @property
    def further_names(self) -> Mapping[str, Sequence[str]]:
        """Names in id order of what further maps tell of each pixel, such as colours; 0 = none."""
        return {}

    def further_maps(self, sample: Sample) -> Mapping[str, np.ndarray]:
        """Those maps of one sample, uint8 [H,W] of positions in :attr:`further_names`."""
        return {}

    def files(self, sample: Sample) -> list[Path]:
        """Every file that decides a sample."""
        return [sample.image, sample.annotation]

    def prepare(self) -> None:  # noqa: B027, most datasets need nothing
        """Do once, before many samples are read, what all of them need."""

    def warnings(self) -> list[str]:
        """What is odd about the dataset's files and stops nothing, one sentence each."""
        return []

    def sample_warnings(self, sample: Sample) -> list[str]:
        """What is odd about one sound sample and stops nothing, one sentence each."""
        return []

    def further_defects(self, sample: Sample) -> Sequence[Defect]:
        """What is wrong with the files that a sample has beside its photo and its mask.

        It is asked for where these two are sound.
        """
        return []

    def skipped_samples(self) -> Sequence[SkippedSample]:
        """Defective samples that are not among :meth:`samples`, see :mod:`.skip_defects`."""
        return []

    def read(self, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        """Photo uint8 [H,W,3] and source ids uint8 [H,W], checked against each other.

        Raises:
            Defect: names the file and what is wrong with it: it cannot be decoded, sizes differ,
                an id is out of range, EXIF turns the photo, or other files contradict it.
        """
        found = examine(self, sample)
        if found.image is None or found.mask is None or found.defects:
            raise found.defects[0]
        return found.image, found.mask

    def inspect(self, sample: Sample) -> Inspection:
        """Decode one sample and find everything that is wrong with it."""
        defects: list[Defect] = []
        image = _decoded(partial(read_photo, sample.image), sample, defects)
        mask = _decoded(partial(self.read_mask, sample), sample, defects)
        if image is not None and mask is not None and image.shape[:2] != mask.shape:
            defects.append(_different_sizes(sample, image, mask))
        if mask is not None:
            defects += self._wrong_labels(sample, mask)
        if not defects:  # which other files would repeat
            defects += self.further_defects(sample)
        turned = None if image is None else rotation(sample.image)
        return Inspection(image, mask, [*defects, *([turned] if turned else [])])

    def _wrong_labels(self, sample: Sample, mask: np.ndarray) -> list[Defect]:
        """The defect of a mask with values that are no source ids."""
        values = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
        wrong = ", ".join(str(v) for v in values if len(self.names) <= v < IGNORE)
        if not wrong:
            return []
        allowed = f"allowed are 0 to {len(self.names) - 1} and {IGNORE} (ignore)"
        file = sample.annotation
        if IGNORE in values:
            message = f"{file}: label {wrong} lies between two labels, as interpolation makes them"
            return [Defect("interpolated label", file, wrong, f"{message}; {allowed}")]
        message = f"{file}: label {wrong} is out of range; {allowed}"
        return [Defect("label out of range", file, wrong, message)]

    def fingerprint(self) -> str:
        """Hash of the content: names, sizes and both ends of every file, not the place.

        A file that holds the labels of several samples is read as a whole.
        """
        digest = hashlib.blake2b(repr(self.names).encode(), digest_size=16)
        uses = Counter(path for sample in self.samples() for path in self.files(sample))
        for path, samples in uses.items():
            digest.update(os.fsencode(path.relative_to(self.root)))
            try:
                digest.update(f":{path.stat().st_size}".encode())
                digest.update(_edges(path) if samples == 1 else _whole(path))
            except OSError as error:  # which is a defect of the sample, told when it is read
                digest.update(repr(error.errno).encode())
        return digest.hexdigest()


def examine(reader: Reader, sample: Sample) -> Inspection:
    """Inspect a sample, whatever its decoders make of damage."""
    try:
        return reader.inspect(sample)
    except ConfigError:  # which is not about this sample
        raise
    except Exception as error:  # a decoder that meets damage raises anything; the others go on
        file = sample.annotation
        message = f"{file}: {sample.name} cannot be decoded ({error!r})"
        defect = Defect("unreadable annotation", file, type(error).__name__, message)
        defect.__cause__ = error
        return Inspection(None, None, [defect])


def file_states(reader: Reader, samples: Sequence[Sample]) -> Iterator[str]:
    """Place, size and time of change of every file that decides some samples."""
    for path in dict.fromkeys(path for sample in samples for path in reader.files(sample)):
        try:
            state = path.stat()
        except OSError as error:  # which is a defect of the sample, told when it is read
            yield f"{path.absolute()}:{error.errno}"
        else:
            yield f"{path.resolve()}:{state.st_size}:{state.st_mtime_ns}"


def _decoded(
    decode: Callable[[], np.ndarray], sample: Sample, defects: list[Defect]
) -> np.ndarray | None:
    """What a decoder gives; a defect is added to the others instead."""
    try:
        return decode()
    except Defect as defect:
        defects.append(defect)
    except DataError as error:
        file = sample.annotation
        defects.append(Defect("unreadable annotation", file, "", str(error)))
    return None


def _different_sizes(sample: Sample, image: np.ndarray, mask: np.ndarray) -> Defect:
    message = (
        f"{sample.annotation}: labels are {_size(mask)}, its photo {sample.image} is "
        f"{_size(image)} (width x height); both must have one size"
    )
    value = f"{_size(mask)} and {_size(image)}"
    return Defect("different sizes", sample.annotation, value, message)


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
