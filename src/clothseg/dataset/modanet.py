"""ModaNet: polygons of 13 garment categories on 52,377 street images of PaperDoll."""

import json
from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, Field, FiniteFloat, ValidationError
from pydantic_core import PydanticCustomError

from clothseg.dataset.defect import Defect
from clothseg.dataset.listing import Missing, abbreviate, existing_samples, layout_error
from clothseg.dataset.painting import Overlap, painting_order
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError
from clothseg.extras import require_extra

FILE = "annotations/modanet2018_instances_train.json"
LAYOUT = f"{FILE} and images/<number>.jpg"
LFS_POINTER = b"version https://git-lfs"


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


class CocoImage(BaseModel):
    """One image entry of a COCO file."""

    id: Annotated[int, Field(ge=0)]
    height: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]
    file_name: str


def _in_pairs(polygon: list[float]) -> list[float]:
    """Reject a polygon that lacks an x or a y."""
    if len(polygon) % 2:
        raise PydanticCustomError(
            "odd_length",
            "odd number of values ({count}); a polygon alternates x and y",
            {"count": len(polygon)},
        )
    return polygon


class CocoAnnotation(BaseModel):
    """One object of a COCO file, with polygons [x, y, x, y, …] in pixels."""

    id: int
    image_id: int
    category_id: int
    segmentation: list[Annotated[list[FiniteFloat], AfterValidator(_in_pairs)]]


class CocoFile(BaseModel):
    """The fields that are read from a COCO file."""

    images: list[CocoImage]
    annotations: list[CocoAnnotation]


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
        if not self._sizes:
            raise DataError(f"{self.file} lists no images: `images` is empty")
        annotated = self._garments | self._faults
        orphans = [self._orphan(number) for number in annotated if number not in self._sizes]
        samples = [self._sample(number) for number in self._sizes]
        return existing_samples(samples, FILE, self.missing, unusable=orphans)

    def warnings(self) -> list[str]:
        """Images that are missing or not annotated, annotations without polygon or repeated."""
        samples = {number: self._sample(number) for number in self._sizes}
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
        filled = self._fill_polygons(sample)
        mask = np.zeros(self._sizes[int(sample.name)], np.uint8)
        for source, inside in painting_order(filled, lambda pair: int(pair[1].sum()), self.overlap):
            mask[inside] = source
        return mask

    def objects(self, sample: Sample) -> list[tuple[int, int]]:
        """One object per garment that has pixels."""
        areas = [(source, int(inside.sum())) for source, inside in self._fill_polygons(sample)]
        return [(source, area) for source, area in areas if area]

    def _fill_polygons(self, sample: Sample) -> list[tuple[int, np.ndarray]]:
        """Source id and pixels bool [H,W] of each garment of an image."""
        from pycocotools import mask as coco

        if faults := self._faults.get(int(sample.name)):
            raise faults[0]
        size = self._sizes[int(sample.name)]
        filled = []
        for garment in self._garments.get(int(sample.name), []):
            if not 1 <= garment.source < len(self.names):
                raise self._unknown_category(garment)
            if garment.polygons:
                parts = coco.frPyObjects(garment.polygons, *size)
                filled.append((garment.source, coco.decode(coco.merge(parts)).astype(bool)))
        return filled

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
        image = self.root / "images" / self._file_names[number]
        return Sample(f"{number:07}", image, self.file)

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

    @cached_property
    def _sizes(self) -> dict[int, tuple[int, int]]:
        """Height and width of each image in the file, by id."""
        images = sorted(self._content.images, key=lambda image: image.id)
        return {image.id: (image.height, image.width) for image in images}

    @cached_property
    def _file_names(self) -> dict[int, str]:
        return {image.id: image.file_name for image in self._content.images}

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
        """The valid content of the annotation file, and its invalid annotations by image."""
        text = self._text()
        try:
            return CocoFile.model_validate_json(text), {}
        except ValidationError as error:
            problems = self._annotation_problems(error)
        # One by one from the start would make a valid file, the usual case, three times as slow.
        content = json.loads(text)
        faults: dict[int, list[Defect]] = {}
        for index, problem in problems.items():
            row = content["annotations"][index]
            number = str(row.get("id", f"in place {index}"))
            message = (
                f"{self.file}: annotation {number} is invalid: {problem}; expected id, "
                "category_id and, as segmentation, polygons [[x, y, x, y, …], …]"
            )
            fault = Defect("unreadable annotation", self.file, number, message)
            faults.setdefault(int(row["image_id"]), []).append(fault)
        valid = [row for n, row in enumerate(content["annotations"]) if n not in problems]
        return CocoFile.model_validate(content | {"annotations": valid}), faults

    def _annotation_problems(self, error: ValidationError) -> dict[int, str]:
        """Extract the problems of single annotations, by index in the file.

        Raises:
            DataError: there are other problems, or the image of an annotation is unknown.
        """
        problems: dict[int, str] = {}
        others = []
        for detail in error.errors(include_url=False, include_input=False):
            match detail["loc"]:
                case ("annotations", int(index), str(key), *further) if key != "image_id":
                    problem = f"{'.'.join(map(str, [key, *further]))}: {detail['msg']}"
                    problems.setdefault(index, problem)
                case location:
                    others.append(f"{'.'.join(map(str, location)) or 'file'}: {detail['msg']}")
        if others:
            raise DataError(f"{self.file}: not a COCO file: {abbreviate(others)}") from error
        return problems

    def _text(self) -> bytes:
        """Read the annotation file without the byte order mark that Windows editors write."""
        if not self.file.is_file():
            raise layout_error(self.root, LAYOUT)
        text = self.file.read_bytes().removeprefix(BOM_UTF8)
        if text.startswith(LFS_POINTER):
            raise DataError(
                f"{self.file} is a Git LFS pointer, not the annotations ({len(text)} bytes): "
                "run `git lfs install` and `git lfs pull` in the repository, or download the file "
                "with scripts/dataset.py action=download dataset=modanet"
            )
        return text


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
