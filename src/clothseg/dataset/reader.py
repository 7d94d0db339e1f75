"""Interface of dataset readers, and their shared implementation."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from clothseg.dataset.defect import Defect, MissingPartnersError, SkippedSample
from clothseg.dataset.fingerprint import content_hash
from clothseg.dataset.image import read_image, rotation
from clothseg.dataset.png import value_counts
from clothseg.dataset.sample import Sample, is_utf8
from clothseg.error import ConfigError, DataError, shortened
from clothseg.labels import IGNORE


@dataclass(frozen=True)
class Inspection:
    """Decoded content of one sample, as far as it is readable, and all of its defects.

    Args:
        image: uint8 [H,W,3]; None if it is unreadable.
        mask: source ids uint8 [H,W]; None if the annotation is unreadable.
        defects: empty for a valid sample.
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
        treatment: everything besides the files that determines images and masks, as text; part of
            the cache key.
    """

    treatment = ""

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self.root = root
        self.names = list(names)

    @property
    def ready(self) -> bool:
        """True if the images exist; False only for a reader that has yet to generate them."""
        return True

    @property
    def background_id(self) -> int:
        """Id of the background in the annotation files; source ids count it as 0."""
        return 0

    @property
    def parts(self) -> Mapping[str, "Reader"]:
        """Constituent datasets, by the source name of their samples."""
        return {"": self}

    def samples(self) -> list[Sample]:
        """Return all annotated images in a stable order; the dataset is listed once per reader.

        Raises:
            MissingPartnersError: annotations have no image, or file names are not UTF-8; lists
                them, and the complete samples.
            DataError: the folder is missing or has an unexpected layout.
        """
        return list(self._samples)

    @cached_property
    def _samples(self) -> list[Sample]:
        defects: list[Defect] = []
        problems = []
        try:
            listed: Sequence[Sample] = self.list_samples()
        except MissingPartnersError as error:
            listed = error.complete
            defects += error.defects
            problems.append(error.message)
        usable = [sample for sample in listed if is_utf8(sample.name)]
        misnamed = [_misnamed(sample) for sample in listed if not is_utf8(sample.name)]
        if misnamed:
            problems.append(f"{len(misnamed)} file names are not UTF-8")
        if problems:
            raise MissingPartnersError(usable, [*misnamed, *defects], " and ".join(problems))
        return usable

    @abstractmethod
    def list_samples(self) -> list[Sample]:
        """List the dataset; errors as those of :meth:`samples`, which calls it."""

    @abstractmethod
    def read_mask(self, sample: Sample) -> np.ndarray:
        """Read the source ids uint8 [H,W] of one sample.

        Raises:
            DataError: the annotation cannot be decoded.
        """

    def objects(self, sample: Sample) -> list[tuple[int, int]] | None:
        """Source id and area in pixels of each annotated object of one sample.

        None for a dataset that annotates classes but not objects.
        """
        return None

    @property
    def further_names(self) -> Mapping[str, Sequence[str]]:
        """Names in id order of the values of further per-pixel maps, such as colors; 0 = none."""
        return {}

    def further_maps(self, sample: Sample) -> Mapping[str, np.ndarray]:
        """Further maps of one sample, uint8 [H,W] of indices into :attr:`further_names`."""
        return {}

    @property
    def has_people(self) -> bool:
        """True if the annotations tell people apart."""
        return False

    def person_map(self, sample: Sample) -> np.ndarray:
        """Number of the person that each pixel belongs to, uint8 [H,W], 0 = none.

        Only for datasets that tell people apart.
        """
        raise NotImplementedError(f"{type(self).__name__} does not tell people apart")

    def files(self, sample: Sample) -> list[Path]:
        """All files that determine a sample."""
        return [sample.image, sample.annotation]

    def paths(self, samples: Iterable[Sample]) -> Iterator[str]:
        """Yield the files of each sample as text, because comparing Path objects is slow."""
        return (str(path) for sample in samples for path in self.files(sample))

    def prepare(self) -> None:  # noqa: B027, most datasets need nothing
        """Do the one-time work that all samples need, before many of them are read."""

    def warnings(self) -> list[str]:
        """Anomalies of the dataset's files that are not errors, one sentence each."""
        return []

    def sample_warnings(self, sample: Sample) -> list[str]:
        """Anomalies of one valid sample that are not errors, one sentence each."""
        return []

    def further_defects(self, sample: Sample) -> Sequence[Defect]:
        """Defects of a sample's files other than image and mask.

        Called only if these two are valid.
        """
        return []

    def skipped_samples(self) -> Sequence[SkippedSample]:
        """Defective samples that are excluded from :meth:`samples`, see :mod:`.skip_defects`."""
        return []

    def read(self, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        """Read the image uint8 [H,W,3] and source ids uint8 [H,W], checked against each other.

        Raises:
            Defect: names the file and the problem: it cannot be decoded, sizes differ, an id is
                out of range, EXIF rotates the image, or other files contradict it.
        """
        found = examine(self, sample)
        if found.image is None or found.mask is None or found.defects:
            raise found.defects[0]
        return found.image, found.mask

    def inspect(self, sample: Sample) -> Inspection:
        """Decode one sample and find all of its defects."""
        defects: list[Defect] = []
        image = _decode(partial(read_image, sample.image), sample, defects)
        mask = _decode(partial(self.read_mask, sample), sample, defects)
        if image is not None and mask is not None and image.shape[:2] != mask.shape:
            defects.append(_different_sizes(sample, image, mask))
        if mask is not None:
            defects += self._invalid_labels(sample, mask)
        if not defects:  # other files would repeat them
            defects += self.further_defects(sample)
        rotated = None if image is None else rotation(sample.image)
        return Inspection(image, mask, [*defects, *([rotated] if rotated else [])])

    def _invalid_labels(self, sample: Sample, mask: np.ndarray) -> list[Defect]:
        """Return the defect of a mask with values that are not source ids."""
        values = np.flatnonzero(value_counts(mask))
        invalid = ", ".join(str(v) for v in values if len(self.names) <= v < IGNORE)
        if not invalid:
            return []
        allowed = f"allowed are 0 to {len(self.names) - 1} and {IGNORE} (ignore)"
        file = sample.annotation
        if IGNORE in values:
            problem = "lies between two labels, as produced by interpolation"
            message = f"{file}: label {invalid} {problem}; {allowed}"
            return [Defect("interpolated label", file, invalid, message)]
        message = f"{file}: label {invalid} is out of range; {allowed}"
        return [Defect("label out of range", file, invalid, message)]

    def fingerprint(self) -> str:
        """Hash of the content: relative path, size and both ends of each file; not of the location.

        A file with the labels of several samples is hashed in full.
        """
        return content_hash(self.root, self.names, self.paths(self.samples()))


def examine(reader: Reader, sample: Sample) -> Inspection:
    """Inspect a sample; an unexpected error of a decoder becomes a defect."""
    try:
        return reader.inspect(sample)
    except ConfigError:  # not caused by this sample
        raise
    except Exception as error:  # decoders raise anything for damaged files
        file = sample.annotation
        message = f"{file}: {sample.name} cannot be decoded ({shortened(repr(error))})"
        defect = Defect("unreadable annotation", file, type(error).__name__, message)
        defect.__cause__ = error
        return Inspection(None, None, [defect])


def _decode(
    decode: Callable[[], np.ndarray], sample: Sample, defects: list[Defect]
) -> np.ndarray | None:
    """Call a decoder; on failure, append the defect and return None."""
    try:
        return decode()
    except Defect as defect:
        defects.append(defect)
    except DataError as error:
        file = sample.annotation
        defects.append(Defect("unreadable annotation", file, "", str(error)))
    return None


def _misnamed(sample: Sample) -> Defect:
    """Build the defect of an image whose name no table and no figure can contain."""
    message = (
        f"{sample.image.parent}: file name '{sample.image.name}' is not UTF-8; rename the file, "
        "and its annotation"
    )
    return Defect("unreadable image", sample.image, sample.name, message)


def _different_sizes(sample: Sample, image: np.ndarray, mask: np.ndarray) -> Defect:
    message = (
        f"{sample.annotation}: labels are {_size(mask)}, but its image {sample.image} is "
        f"{_size(image)} (width x height); both must have the same size"
    )
    value = f"{_size(mask)} and {_size(image)}"
    return Defect("different sizes", sample.annotation, value, message)


def _size(array: np.ndarray) -> str:
    return f"{array.shape[1]}x{array.shape[0]}"
