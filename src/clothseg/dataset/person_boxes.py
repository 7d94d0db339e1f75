"""Bounding boxes of the person in each image, from its mask or from a detector."""

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np

from clothseg.dataset.image import read_image
from clothseg.dataset.person_detections import MIN_SCORE, PERSON, Detections, Detector
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.files import CACHE_ADVICE, locked, write_json
from clothseg.labels import IGNORE
from clothseg.terminal.screen import progress_bar, say
from clothseg.threads import map_in_order

BOXES_VERSION = 1
"""Increment whenever the same images and weights yield different boxes."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; right and bottom are exclusive."""

_detector_lock = Lock()
"""Several threads may read images, but only one may run the detector."""


class Boxes(ABC):
    """Finds the box of the person in each image of a dataset.

    Attributes:
        treatment: everything that determines the boxes besides the dataset's files, as text.
    """

    treatment: str

    @abstractmethod
    def find(self, sample: Sample, mask: np.ndarray) -> Box | None:
        """Return the box of one sample with source ids uint8 [H,W]; None if no person is found."""

    @abstractmethod
    def find_all(self) -> dict[str, Box | None]:
        """Return the boxes of all samples by name; shows a progress bar."""

    @abstractmethod
    def require(self) -> None:
        """Raise an error if boxes cannot be found on this machine.

        Raises:
            ConfigError: names the required file and its location.
        """

    @abstractmethod
    def prepare(self) -> None:
        """Prepare for finding boxes one by one.

        Raises:
            ConfigError: a detector's weights are unavailable.
            DataError: an image cannot be read.
        """


class MaskBoxes(Boxes):
    """Boxes around all pixels of the mask that are neither background (id 0) nor ignored.

    Args:
        reader: the dataset.
    """

    treatment = "mask"

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def find(self, sample: Sample, mask: np.ndarray) -> Box | None:
        """Return the box around the labeled pixels of a mask."""
        person = (mask != 0) & (mask != IGNORE)
        rows, columns = np.flatnonzero(person.any(1)), np.flatnonzero(person.any(0))
        if not len(rows):
            return None
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

    def find_all(self) -> dict[str, Box | None]:
        """Return the boxes of all samples by name."""
        samples = self.reader.samples()

        def find(sample: Sample) -> Box | None:
            return self.find(sample, self.reader.read_mask(sample))

        bar = progress_bar("reading masks", len(samples))
        with bar as advance, map_in_order(find, samples) as found:
            boxes = {}
            for sample, box in zip(samples, found, strict=True):
                boxes[sample.name] = box
                advance(1)
        return boxes

    def require(self) -> None:
        """Do nothing: only masks are needed."""

    def prepare(self) -> None:
        """Do nothing: boxes are found when masks are read."""


class DetectedBoxes(Boxes):
    """Boxes of the largest person that a detector finds; stored in a file and so found only once.

    Args:
        reader: the dataset.
        detector: finds persons among other objects.
        folder: of the stored boxes.
    """

    def __init__(self, reader: Reader, detector: Detector, folder: Path) -> None:
        self.reader, self.detector, self.folder = reader, detector, folder
        self.treatment = f"detector {detector.digest}"
        self._boxes: dict[str, Box | None] = {}

    def find(self, sample: Sample, mask: np.ndarray) -> Box | None:
        """Return the box of one sample; the first call finds those of all samples."""
        with _detector_lock:
            if sample.name not in self._boxes:
                self.prepare()
        return self._boxes[sample.name]

    def prepare(self) -> None:
        """Find the boxes of all samples."""
        self._boxes = self.find_all()

    def find_all(self) -> dict[str, Box | None]:
        """Return the boxes of all samples by name; resumes an interrupted pass."""
        samples, path = self.reader.samples(), self._file
        with locked(path, CACHE_ADVICE):
            boxes = _load_boxes(path)
            remaining = [sample for sample in samples if sample.name not in boxes]
            if remaining:
                try:
                    self._detect(remaining, boxes)
                finally:
                    write_json(path, boxes)
                missed = sum(box is None for box in boxes.values())
                say(f"no person found in {missed} of {len(boxes)} images; these are not cropped")
        return boxes

    def require(self) -> None:
        """Raise an error if boxes are missing and the detector's weights are, too.

        Raises:
            ConfigError: names the required file and its location.
        """
        boxes = _load_boxes(self._file)
        if any(sample.name not in boxes for sample in self.reader.samples()):
            self.detector.require()

    def _detect(self, samples: Sequence[Sample], boxes: dict[str, Box | None]) -> None:
        """Add the boxes of samples to `boxes`."""
        with progress_bar("detecting persons", len(samples)) as advance:
            for sample in samples:
                image = read_image(sample.image)
                boxes[sample.name] = largest_person(self.detector(image), *image.shape[:2])
                advance(1)

    @cached_property
    def _file(self) -> Path:
        content = (BOXES_VERSION, MIN_SCORE, self.reader.fingerprint(), self.detector.digest)
        key = hashlib.blake2b(repr(content).encode(), digest_size=10).hexdigest()
        return self.folder / f"{key}.json"


def largest_person(detections: Detections, height: int, width: int) -> Box | None:
    """Return the largest person's box (score >= 0.5), rounded outward to pixels inside the image.

    Args:
        detections: boxes float [M,4], labels int [M], scores float [M].
        height: of the image, pixels.
        width: of the image, pixels.
    """
    boxes, labels, scores = detections
    persons = boxes[(labels == PERSON) & (scores >= MIN_SCORE)]
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


def _load_boxes(path: Path) -> dict[str, Box | None]:
    """Load the boxes of a file; empty if the file is missing or damaged."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return {name: None if box is None else tuple(box) for name, box in content.items()}
