"""Where the person in a photo is: around its labels, or where a detector sees one."""

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
from filelock import FileLock

from clothseg.dataset.person_detector import CONFIDENT, Detections
from clothseg.dataset.photo import read_photo
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.files import write_json
from clothseg.labels import IGNORE
from clothseg.screen import progress_bar, say
from clothseg.threads import map_in_order

PERSON = 1
"""Label of a person among the 91 classes of COCO in torchvision."""

BOXES_VERSION = 1
"""Raised when the same photos and weights would give other boxes."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; right and bottom are the first that lie outside."""

_detecting = Lock()
"""Photos may be read by several threads, of which one asks the detector."""


class Detector(Protocol):
    """What finds objects in photos."""

    @property
    def digest(self) -> str:
        """Hash of the weights."""

    def require(self) -> None:
        """Fail when the weights cannot be had."""

    def __call__(self, photo: np.ndarray) -> Detections:
        """Boxes, labels and scores of the objects in a photo uint8 [H,W,3]."""


class Boxes(ABC):
    """Where the person in each photo of a dataset is.

    Attributes:
        treatment: what decides the boxes beside the dataset's files, in words.
    """

    treatment: str

    @abstractmethod
    def find(self, sample: Sample, mask: np.ndarray) -> Box | None:
        """The box of one sample with source ids uint8 [H,W]; None where nobody is found."""

    @abstractmethod
    def find_all(self) -> dict[str, Box | None]:
        """The boxes of all samples by name, with a progress bar."""

    @abstractmethod
    def require(self) -> None:
        """Fail when boxes cannot be found on this machine.

        Raises:
            ConfigError: says which file is needed, and where.
        """

    @abstractmethod
    def prepare(self) -> None:
        """Do what has to be done before boxes are found one by one.

        Raises:
            ConfigError: a detector's weights cannot be had.
            DataError: a photo cannot be read.
        """


class MaskBoxes(Boxes):
    """Boxes around everything in the mask that is neither background (id 0) nor ignored.

    Args:
        reader: the dataset.
    """

    treatment = "mask"

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def find(self, sample: Sample, mask: np.ndarray) -> Box | None:
        """The box around the labelled pixels of a mask."""
        person = (mask != 0) & (mask != IGNORE)
        rows, columns = np.flatnonzero(person.any(1)), np.flatnonzero(person.any(0))
        if not len(rows):
            return None
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

    def find_all(self) -> dict[str, Box | None]:
        """The boxes of all samples by name."""
        samples = self.reader.samples()

        def found(sample: Sample) -> Box | None:
            return self.find(sample, self.reader.read_mask(sample))

        bar = progress_bar("reading masks", len(samples))
        with bar as advance, map_in_order(found, samples) as all_found:
            boxes = {}
            for sample, box in zip(samples, all_found, strict=True):
                boxes[sample.name] = box
                advance(1)
        return boxes

    def require(self) -> None:
        """Masks are all that is needed."""

    def prepare(self) -> None:
        """Every mask is looked at when it is read."""


class DetectedBoxes(Boxes):
    """Boxes around the largest person that a detector finds; kept in a file, so found once.

    Args:
        reader: the dataset.
        detector: finds persons among other objects.
        folder: of the files of boxes.
    """

    def __init__(self, reader: Reader, detector: Detector, folder: Path) -> None:
        self.reader, self.detector, self.folder = reader, detector, folder
        self.treatment = f"detector {detector.digest}"
        self._boxes: dict[str, Box | None] = {}

    def find(self, sample: Sample, mask: np.ndarray) -> Box | None:
        """The box of one sample; the first call finds those of all."""
        with _detecting:
            if sample.name not in self._boxes:
                self.prepare()
        return self._boxes[sample.name]

    def prepare(self) -> None:
        """Find the boxes of all samples."""
        self._boxes = self.find_all()

    def find_all(self) -> dict[str, Box | None]:
        """The boxes of all samples by name; a pass that was cut off goes on where it was."""
        samples, path = self.reader.samples(), self._file
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            boxes = _stored(path)
            left = [sample for sample in samples if sample.name not in boxes]
            if left:
                try:
                    self._detect(left, boxes)
                finally:
                    write_json(path, boxes)
                whole = sum(box is None for box in boxes.values())
                say(f"no person was found in {whole} of {len(boxes)} photos, which stay whole")
        return boxes

    def require(self) -> None:
        """Fail when boxes are missing and so are the detector's weights.

        Raises:
            ConfigError: says which file is needed, and where.
        """
        boxes = _stored(self._file)
        if any(sample.name not in boxes for sample in self.reader.samples()):
            self.detector.require()

    def _detect(self, samples: Sequence[Sample], boxes: dict[str, Box | None]) -> None:
        """Add the boxes of some samples."""
        with progress_bar("finding persons", len(samples)) as advance:
            for sample in samples:
                photo = read_photo(sample.image)
                boxes[sample.name] = largest_person(self.detector(photo), *photo.shape[:2])
                advance(1)

    @cached_property
    def _file(self) -> Path:
        content = (BOXES_VERSION, CONFIDENT, self.reader.fingerprint(), self.detector.digest)
        key = hashlib.blake2b(repr(content).encode(), digest_size=10).hexdigest()
        return self.folder / f"{key}.json"


def largest_person(detections: Detections, height: int, width: int) -> Box | None:
    """The box of the largest person with a score of 0.5 or more, on whole pixels inside the photo.

    Args:
        detections: boxes float [M,4], labels int [M], scores float [M].
        height: of the photo, pixels.
        width: of the photo, pixels.
    """
    boxes, labels, scores = detections
    persons = boxes[(labels == PERSON) & (scores >= CONFIDENT)]
    if not len(persons):
        return None
    sizes = (persons[:, 2] - persons[:, 0]) * (persons[:, 3] - persons[:, 1])
    left, top, right, bottom = map(float, persons[sizes.argmax()])
    x, y = min(max(math.floor(left), 0), width - 1), min(max(math.floor(top), 0), height - 1)
    return (
        x,
        y,
        min(max(math.ceil(right), x + 1), width),
        min(max(math.ceil(bottom), y + 1), height),
    )


def _stored(path: Path) -> dict[str, Box | None]:
    """The boxes of a file; none when there is no file, or a damaged one."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return {name: None if box is None else tuple(box) for name, box in content.items()}
