"""Photos cut to the person in them, whatever the dataset (the pre-processing of inacio2019).

Photo and mask are cut alike to the person's box with a margin; a photo without a box stays whole.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from clothseg.dataset.merged import Merged
from clothseg.dataset.person_boxes import Box, Boxes, DetectedBoxes, MaskBoxes
from clothseg.dataset.person_detector import PersonDetector
from clothseg.dataset.reader import Inspection, Reader
from clothseg.dataset.sample import Sample
from clothseg.dataset.wrapped import Wrapped


class Cropped(Wrapped):
    """A dataset whose photos and masks are cut to one box each.

    Args:
        reader: the dataset.
        boxes: where the person in each photo is.
        margin: share of the box's size that is added on each side.
    """

    def __init__(self, reader: Reader, boxes: Boxes, margin: float) -> None:
        super().__init__(reader)
        self.boxes, self.margin = boxes, margin
        self.treatment = f"{reader.treatment} cut with objects to {boxes.treatment} + {margin}"

    def read_mask(self, sample: Sample) -> np.ndarray:
        """Source ids uint8 [H,W] inside the box."""
        mask = self.reader.read_mask(sample)
        return self._cut(mask, self.boxes.find(sample, mask))

    def inspect(self, sample: Sample) -> Inspection:
        """Photo and source ids inside the box, checked as a whole; not cut when it is defective."""
        found = self.reader.inspect(sample)
        if found.image is None or found.mask is None or found.defects:
            return found
        box = self.boxes.find(sample, found.mask)
        return replace(found, image=self._cut(found.image, box), mask=self._cut(found.mask, box))

    def further_maps(self, sample: Sample) -> Mapping[str, np.ndarray]:
        """Further maps inside the box."""
        box = self.boxes.find(sample, self.reader.read_mask(sample))
        maps = self.reader.further_maps(sample)
        return {kind: self._cut(values, box) for kind, values in maps.items()}

    def objects(self, sample: Sample) -> list[tuple[int, int]] | None:
        """Objects of the classes that are inside the box, none larger than its class is there."""
        found = self.reader.objects(sample)
        if found is None:
            return None
        inside = np.bincount(self.read_mask(sample).ravel(), minlength=256)
        return [
            (source, min(area, int(inside[source]))) for source, area in found if inside[source]
        ]

    def prepare(self) -> None:
        """Prepare the dataset, and have a detector look at all photos."""
        self.reader.prepare()
        self.boxes.prepare()

    def fingerprint(self) -> str:
        """Hash of the content and of what decides the boxes."""
        content = (self.reader.fingerprint(), self.boxes.treatment, self.margin)
        return hashlib.blake2b(repr(content).encode(), digest_size=16).hexdigest()

    def _cut(self, array: np.ndarray, box: Box | None) -> np.ndarray:
        left, top, right, bottom = widened(box, self.margin, *array.shape[:2])
        return np.ascontiguousarray(array[top:bottom, left:right])


def widened(box: Box | None, margin: float, height: int, width: int) -> Box:
    """What of a photo is kept: the box with the margin, as far as the photo reaches.

    Args:
        box: of the person; None keeps the whole photo.
        margin: share of the box's size that is added on each side.
        height: of the photo, pixels.
        width: of the photo, pixels.
    """
    if box is None:
        return 0, 0, width, height
    left, top, right, bottom = box
    across, down = round(margin * (right - left)), round(margin * (bottom - top))
    return (
        max(0, left - across),
        max(0, top - down),
        min(width, right + across),
        min(height, bottom + down),
    )


def cropped(
    reader: Reader, crop: Literal["mask", "detector"], margin: float, detector: str, folder: Path
) -> Reader:
    """A dataset cut to persons; of a merged one each source is, which knows its own background.

    Args:
        reader: the dataset.
        crop: where boxes come from.
        margin: share of the box's size that is added on each side.
        detector: `coco`, or the path of a file of weights.
        folder: of the files of boxes.

    Raises:
        ConfigError: the detector's file is missing.
    """
    find: Callable[[Reader], Boxes] = MaskBoxes
    if crop == "detector":
        persons = PersonDetector(detector)
        find = partial(DetectedBoxes, detector=persons, folder=folder)
    if isinstance(reader, Merged):
        return Merged({k: Cropped(part, find(part), margin) for k, part in reader.sources.items()})
    return Cropped(reader, find(reader), margin)


def cropped_parts(reader: Reader) -> list[Cropped]:
    """The cut datasets inside a reader, those of all sources; none where nothing is cut."""
    if isinstance(reader, Merged):
        return [cut for part in reader.sources.values() for cut in cropped_parts(part)]
    return [reader] if isinstance(reader, Cropped) else []
