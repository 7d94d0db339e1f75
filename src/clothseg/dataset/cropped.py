"""Images of any dataset cropped to the person in them (the preprocessing of inacio2019).

Image and mask are cropped to the person's box plus a margin; an image without a box is not cropped.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from clothseg.dataset.delegating import DelegatingReader
from clothseg.dataset.merged import Merged
from clothseg.dataset.person_boxes import Box, Boxes, DetectedBoxes, MaskBoxes
from clothseg.dataset.person_detector import open_detector
from clothseg.dataset.reader import Inspection, Reader
from clothseg.dataset.sample import Sample


class Cropped(DelegatingReader):
    """Reader that crops each image and its mask to one box.

    Args:
        reader: the dataset.
        boxes: finds the person in each image.
        margin: fraction of the box's size added on each side.
    """

    def __init__(self, reader: Reader, boxes: Boxes, margin: float) -> None:
        super().__init__(reader)
        self.boxes, self.margin = boxes, margin
        self.treatment = f"{reader.treatment} cut with objects to {boxes.treatment} + {margin}"

    def read_mask(self, sample: Sample) -> np.ndarray:
        """Source ids uint8 [H,W] inside the box."""
        mask = self.reader.read_mask(sample)
        return self._crop(mask, self.boxes.find(sample, mask))

    def inspect(self, sample: Sample) -> Inspection:
        """Image and source ids inside the box; a defective sample is not cropped."""
        found = self.reader.inspect(sample)
        if found.image is None or found.mask is None or found.defects:
            return found
        box = self.boxes.find(sample, found.mask)
        return replace(found, image=self._crop(found.image, box), mask=self._crop(found.mask, box))

    def further_maps(self, sample: Sample) -> Mapping[str, np.ndarray]:
        """Further maps, cropped to the box."""
        box = self.boxes.find(sample, self.reader.read_mask(sample))
        maps = self.reader.further_maps(sample)
        return {kind: self._crop(values, box) for kind, values in maps.items()}

    def person_map(self, sample: Sample) -> np.ndarray:
        """Number of the person of each pixel inside the box."""
        box = self.boxes.find(sample, self.reader.read_mask(sample))
        return self._crop(self.reader.person_map(sample), box)

    def objects(self, sample: Sample) -> list[tuple[int, int]] | None:
        """Objects of classes inside the box; areas are capped at the class's area in the box."""
        found = self.reader.objects(sample)
        if found is None:
            return None
        inside = np.bincount(self.read_mask(sample).ravel(), minlength=256)
        return [
            (source, min(area, int(inside[source]))) for source, area in found if inside[source]
        ]

    def prepare(self) -> None:
        """Prepare the dataset and find all boxes."""
        self.reader.prepare()
        self.boxes.prepare()

    def fingerprint(self) -> str:
        """Hash of the content and of everything that determines the boxes."""
        content = (self.reader.fingerprint(), self.boxes.treatment, self.margin)
        return hashlib.blake2b(repr(content).encode(), digest_size=16).hexdigest()

    def _crop(self, array: np.ndarray, box: Box | None) -> np.ndarray:
        left, top, right, bottom = widen(box, self.margin, *array.shape[:2])
        return np.ascontiguousarray(array[top:bottom, left:right])


def widen(box: Box | None, margin: float, height: int, width: int) -> Box:
    """Add a margin to a box and clip it to the image.

    Args:
        box: of the person; None selects the entire image.
        margin: fraction of the box's size added on each side.
        height: of the image, pixels.
        width: of the image, pixels.
    """
    if box is None:
        return 0, 0, width, height
    left, top, right, bottom = box
    horizontal, vertical = round(margin * (right - left)), round(margin * (bottom - top))
    return (
        max(0, left - horizontal),
        max(0, top - vertical),
        min(width, right + horizontal),
        min(height, bottom + vertical),
    )


def crop_to_persons(
    reader: Reader, crop: Literal["mask", "detector"], margin: float, detector: str, folder: Path
) -> Reader:
    """Crop a dataset to persons; merged sources are cropped separately, by their own background.

    Args:
        reader: the dataset.
        crop: source of the boxes.
        margin: fraction of the box's size added on each side.
        detector: `selfie`, `coco`, or the path of a weights file.
        folder: of the stored boxes.

    Raises:
        ConfigError: the detector's file is missing.
    """
    make_boxes: Callable[[Reader], Boxes] = MaskBoxes
    if crop == "detector":
        make_boxes = partial(DetectedBoxes, detector=open_detector(detector), folder=folder)
    if isinstance(reader, Merged):
        return Merged(
            {k: Cropped(part, make_boxes(part), margin) for k, part in reader.sources.items()}
        )
    return Cropped(reader, make_boxes(reader), margin)


def cropped_readers(reader: Reader) -> list[Cropped]:
    """Return the cropped readers inside a reader, including those of merged sources."""
    if isinstance(reader, Merged):
        return [found for part in reader.sources.values() for found in cropped_readers(part)]
    return [reader] if isinstance(reader, Cropped) else []
