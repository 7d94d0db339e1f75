"""ModaNet: polygons of 13 garment categories on 52,377 street images of PaperDoll."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from clothseg.dataset.coco import CocoFile, CocoImage, outline_problem, read_coco
from clothseg.dataset.declared_size import require_declared_size
from clothseg.dataset.defect import Defect
from clothseg.dataset.listing import Missing, existing_samples, layout_error, listed_path
from clothseg.dataset.painting import Overlap, painting_order
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError, abbreviate
from clothseg.extras import require_extra

FILE = "annotations/modanet2018_instances_train.json"
LAYOUT = f"{FILE} and images/<number>.jpg"


@dataclass(frozen=True)
class Garment:
    """One annotated object.

    Args:
        number: annotation id.
        source: category, 1 to 13; 0 is the background.
        polygons: alternating x and y of the vertices, one list per part, pixels.
    """

    number: int
    source: int
    polygons: Sequence[Sequence[float]]


class ModaNet(Reader):
    """The training annotations of the repository and a flat folder of images.

    Polygons are filled by COCO's rule: the pixels whose center is inside. Areas are counted,
    because those in the file do not match the polygons. The validation file has no annotations and
    is not read. An image without any annotation is all background.

    Args:
        root: folder with `annotations/` and `images/`.
        names: background and the 13 categories, in id order.
        overlap: which of two overlapping garments is visible.
        missing: handling of annotations whose image is missing.

    License: annotations CC BY-NC 4.0; images belong to their owners.
    Source: Zheng et al., ModaNet: a large-scale street fashion dataset with polygon
        annotations, ACM Multimedia 2018.
    """

    def __init__(
        self, root: Path, names: Sequence[str], overlap: Overlap, missing: Missing
    ) -> None:
        super().__init__(root, names)
        self.file, self.missing = root / FILE, missing
        self.overlap, self.treatment = overlap, f"overlap={overlap}"

    def list_samples(self) -> list[Sample]:
        """Images by id."""
        if not self._content.images:
            raise DataError(f"{self.file} lists no images: `images` is empty")
        known = {image.id for image in self._content.images}
        annotated = self._garments | self._faults
        orphans = [self._orphan(number) for number in annotated if number not in known]
        samples = [self._sample(number) for number in self._images]
        unusable = [*orphans, *self._unusable]
        return existing_samples(samples, FILE, self.missing, unusable=unusable)

    def warnings(self) -> list[str]:
        """Images that are missing or not annotated, annotations without polygon or repeated."""
        samples = {number: self._sample(number) for number in self._images}
        annotated = self._garments | self._faults
        absent = [s.name for s in samples.values() if not s.image.is_file()]
        unannotated = [s.name for number, s in samples.items() if number not in annotated]
        garments = [garment for group in self._garments.values() for garment in group]
        empty = [str(garment.number) for garment in garments if not garment.polygons]
        kinds = (
            ("images of the annotations are missing", absent),
            ("images have no annotation and are all background", unannotated),
            ("annotations have no polygon and are skipped", empty),
            ("annotations repeat the polygons of an earlier one; both are used", self._repeated()),
        )
        return [f"{len(found)} {kind}: {abbreviate(found)}" for kind, found in kinds if found]

    def read_mask(self, sample: Sample) -> np.ndarray:
        """Ids uint8 [H,W]: all garments of an image painted into one mask."""
        from pycocotools import mask as coco

        entry = self._images[int(sample.name)]
        encoded = self._encoded(sample)
        mask = np.zeros((entry.height, entry.width), np.uint8)
        for source, runs in painting_order(encoded, lambda pair: _area(pair[1]), self.overlap):
            mask[coco.decode(runs).view(bool)] = source
        return mask

    def objects(self, sample: Sample) -> list[tuple[int, int]]:
        """One object per garment that has pixels."""
        areas = [(source, _area(runs)) for source, runs in self._encoded(sample)]
        return [(source, area) for source, area in areas if area]

    def _encoded(self, sample: Sample) -> list[tuple[int, Any]]:
        """Source id and run-length encoded pixels of each garment of an image."""
        from pycocotools import mask as coco

        number = int(sample.name)
        if faults := self._faults.get(number):
            raise faults[0]
        garments = self._garments.get(number, [])
        for garment in garments:
            if not 1 <= garment.source < len(self.names):
                raise self._unknown_category(garment)
        entry = self._images[number]
        require_declared_size(sample, entry.height, entry.width)
        encoded = []
        for garment in garments:
            if garment.polygons:
                self._require_fillable(garment, entry)
                parts = coco.frPyObjects(garment.polygons, entry.height, entry.width)
                encoded.append((garment.source, coco.merge(parts)))
        return encoded

    def _require_fillable(self, garment: Garment, entry: CocoImage) -> None:
        """Check the polygons of a garment, because the library that fills them does not.

        Raises:
            Defect: names the annotation and the problem.
        """
        for polygon in garment.polygons:
            if problem := outline_problem(polygon, entry.height, entry.width):
                message = f"{self.file}: annotation {garment.number}: {problem}"
                raise Defect("unreadable annotation", self.file, str(garment.number), message)

    def _repeated(self) -> list[str]:
        """Ids of annotations that repeat the polygons of an earlier one of the same image."""
        repeated = []
        for garments in self._garments.values():
            seen = set()
            for garment in garments:
                polygons = tuple(map(tuple, garment.polygons))
                if polygons and polygons in seen:
                    repeated.append(str(garment.number))
                seen.add(polygons)
        return repeated

    def _sample(self, number: int) -> Sample:
        image = self.root / "images" / self._images[number].file_name
        return Sample(_name(number), image, self.file)

    def _unknown_category(self, garment: Garment) -> Defect:
        message = (
            f"{self.file}: annotation {garment.number}: category_id {garment.source} is out of "
            f"range; allowed are 1 to {len(self.names) - 1}"
        )
        return Defect("label out of range", self.file, str(garment.source), message)

    def _orphan(self, number: int) -> Defect:
        """Build the defect of annotations whose image is not in the file."""
        garments = [str(garment.number) for garment in self._garments.get(number, [])]
        annotations = abbreviate(
            [*garments, *(fault.value for fault in self._faults.get(number, []))]
        )
        message = (
            f"{self.file}: annotation {annotations} belongs to image {number}, which is not in "
            "the file"
        )
        return Defect("missing partner", self.file, str(number), message)

    @property
    def _images(self) -> dict[int, CocoImage]:
        """Usable images in the file by id, which sorts them."""
        return self._entries[0]

    @property
    def _unusable(self) -> list[Defect]:
        """Defects of the other images in the file."""
        return self._entries[1]

    @cached_property
    def _entries(self) -> tuple[dict[int, CocoImage], list[Defect]]:
        """Usable images by id, and the defects of those that share an id or name no file."""
        entries = sorted(self._content.images, key=lambda image: image.id)
        counts = Counter(image.id for image in entries)
        usable: dict[int, CocoImage] = {}
        defects = []
        for image in entries:
            try:
                listed_path(self.root / "images", image.file_name, self.file)
            except Defect as defect:
                name, message = _name(image.id), defect.message
                defects.append(Defect("unreadable annotation", self.file, name, message))
            else:
                usable[image.id] = image
        for number in [number for number, count in counts.items() if count > 1]:
            usable.pop(number, None)
            message = f"{self.file}: {counts[number]} images have the id {number}"
            defects.append(Defect("unreadable annotation", self.file, _name(number), message))
        return usable, defects

    @cached_property
    def _garments(self) -> dict[int, list[Garment]]:
        """Annotations of each image in the order of the file."""
        garments: dict[int, list[Garment]] = {}
        for annotation in self._content.annotations:
            # A polygon with fewer than three vertices has no interior.
            polygons = [p for p in annotation.segmentation if len(p) >= 6]
            garment = Garment(annotation.id, annotation.category_id, polygons)
            garments.setdefault(annotation.image_id, []).append(garment)
        return garments

    @property
    def _content(self) -> CocoFile:
        """The valid content of the annotation file."""
        return self._parsed[0]

    @property
    def _faults(self) -> dict[int, list[Defect]]:
        """Invalid annotations of each image."""
        return self._parsed[1]

    @cached_property
    def _parsed(self) -> tuple[CocoFile, dict[int, list[Defect]]]:
        if not self.file.exists():
            raise layout_error(self.root, LAYOUT)
        return read_coco(self.file)


def _name(number: int) -> str:
    """Name of the sample of an image."""
    return f"{number:07}"


def _area(runs: Any) -> int:
    """Pixels of a run-length encoded mask."""
    from pycocotools import mask as coco

    return int(coco.area(runs))


def modanet(*, root: str, names: Sequence[str], overlap: Overlap, missing: Missing) -> ModaNet:
    """Build the reader of ModaNet.

    Args:
        root: folder with `annotations/` and `images/`.
        names: background and the 13 categories, in id order.
        overlap: `small_on_top` or `later_wins`.
        missing: `error` or `leave_out`.

    Raises:
        ConfigError: the library that fills polygons is not installed.
    """
    require_extra("modanet", "dataset=modanet")
    return ModaNet(Path(root), names, overlap, missing)
