"""ModaNet: polygons of 13 garments on 52,377 street photos of PaperDoll."""

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
from clothseg.dataset.listing import Missing, other_layout, present, some
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
        number: the annotation's own id.
        source: its category, 1 to 13; 0 is the background.
        polygons: x and y of the corners of every part in turn, pixels.
    """

    number: int
    source: int
    polygons: Sequence[Sequence[float]]


class CocoImage(BaseModel):
    """A photo in COCO's file."""

    id: Annotated[int, Field(ge=0)]
    height: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]
    file_name: str


def _in_pairs(polygon: list[float]) -> list[float]:
    """Refuse a polygon that lacks an x or a y."""
    if len(polygon) % 2:
        raise PydanticCustomError(
            "odd", "{count} numbers; a polygon has x and y in turn", {"count": len(polygon)}
        )
    return polygon


class CocoAnnotation(BaseModel):
    """An object in COCO's file, with polygons [x, y, x, y, …] in pixels."""

    id: int
    image_id: int
    category_id: int
    segmentation: list[Annotated[list[FiniteFloat], AfterValidator(_in_pairs)]]


class CocoFile(BaseModel):
    """What is read of COCO's file."""

    images: list[CocoImage]
    annotations: list[CocoAnnotation]


class ModaNet(Reader):
    """The training annotations of the repository beside a flat folder of photos.

    Polygons are filled by COCO's rule: the pixels whose centre is inside. Areas are counted,
    because those of the file do not fit the polygons. The validation file has no annotations and
    is not read. A photo without any annotation is background.

    Args:
        root: folder with `annotations/` and `images/`.
        names: background and the 13 categories, in id order.
        overlap: which of two overlapping garments is seen.
        missing: what becomes of annotations whose photo is not there.

    Licence: annotations CC BY-NC 4.0; photos belong to their owners.
    Source: Zheng et al., ModaNet: a large-scale street fashion dataset with polygon
        annotations, ACM Multimedia 2018.
    """

    def __init__(
        self, root: Path, names: Sequence[str], overlap: Overlap, missing: Missing
    ) -> None:
        super().__init__(root, names)
        self.file, self.missing = root / FILE, missing
        self.overlap, self.treatment = overlap, f"overlap={overlap}"

    def samples(self) -> list[Sample]:
        """Photos by id."""
        if not self._sizes:
            raise DataError(f"{self.file} lists no photo: `images` is empty")
        annotated = self._garments | self._faults
        strays = [self._stray(number) for number in annotated if number not in self._sizes]
        samples = [self._sample(number) for number in self._sizes]
        return present(samples, FILE, self.missing, unusable=strays)

    def warnings(self) -> list[str]:
        """Photos that are missing or have no annotation, annotations without polygon or twice."""
        samples = {number: self._sample(number) for number in self._sizes}
        annotated = self._garments | self._faults
        absent = [s.name for s in samples.values() if not s.image.is_file()]
        bare = [s.name for number, s in samples.items() if number not in annotated]
        garments = [garment for group in self._garments.values() for garment in group]
        empty = [str(garment.number) for garment in garments if not garment.polygons]
        kinds = (
            ("photos of the annotations are missing", absent),
            ("photos have no annotation; they are all background", bare),
            ("annotations have no polygon; they are left out", empty),
            ("annotations have the polygons of an earlier one; both are kept", self._repeated()),
        )
        return [f"{len(found)} {kind}: {some(found)}" for kind, found in kinds if found]

    def read_mask(self, sample: Sample) -> np.ndarray:
        """Ids uint8 [H,W]: all garments of a photo painted into one mask."""
        filled = self._filled(sample)
        mask = np.zeros(self._sizes[int(sample.name)], np.uint8)
        for source, inside in painting_order(filled, lambda pair: int(pair[1].sum()), self.overlap):
            mask[inside] = source
        return mask

    def objects(self, sample: Sample) -> list[tuple[int, int]]:
        """One object a garment that has a pixel."""
        areas = [(source, int(inside.sum())) for source, inside in self._filled(sample)]
        return [(source, area) for source, area in areas if area]

    def _filled(self, sample: Sample) -> list[tuple[int, np.ndarray]]:
        """Source id and pixels bool [H,W] of every garment of a photo."""
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
        """Annotations whose polygons are those of an earlier one of their photo."""
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
        photo = self.root / "images" / self._file_names[number]
        return Sample(f"{number:07}", photo, self.file)

    def _unknown_category(self, garment: Garment) -> Defect:
        message = (
            f"{self.file}: annotation {garment.number}: category_id {garment.source} is out of "
            f"range; allowed are 1 to {len(self.names) - 1}"
        )
        return Defect("label out of range", self.file, str(garment.source), message)

    def _stray(self, number: int) -> Defect:
        """The defect of annotations whose image the file does not have."""
        garments = [str(garment.number) for garment in self._garments.get(number, [])]
        strays = some([*garments, *(fault.value for fault in self._faults.get(number, []))])
        message = (
            f"{self.file}: annotation {strays} belongs to image {number}, which the file does not "
            "have"
        )
        return Defect("missing partner", self.file, str(number), message)

    @cached_property
    def _sizes(self) -> dict[int, tuple[int, int]]:
        """Height and width of every photo of the file, by id."""
        images = sorted(self._content.images, key=lambda image: image.id)
        return {image.id: (image.height, image.width) for image in images}

    @cached_property
    def _file_names(self) -> dict[int, str]:
        return {image.id: image.file_name for image in self._content.images}

    @cached_property
    def _garments(self) -> dict[int, list[Garment]]:
        """Annotations of every photo in the order of the file."""
        garments: dict[int, list[Garment]] = {}
        for annotation in self._content.annotations:
            # A polygon with fewer than three corners has no inside.
            polygons = [p for p in annotation.segmentation if len(p) >= 6]
            garment = Garment(annotation.id, annotation.category_id, polygons)
            garments.setdefault(annotation.image_id, []).append(garment)
        return garments

    @property
    def _content(self) -> CocoFile:
        """What can be used of the annotation file."""
        return self._parsed[0]

    @property
    def _faults(self) -> dict[int, list[Defect]]:
        """Annotations of every photo that cannot be used."""
        return self._parsed[1]

    @cached_property
    def _parsed(self) -> tuple[CocoFile, dict[int, list[Defect]]]:
        """The annotation file, and those of its annotations that cannot be used."""
        text = self._text()
        try:
            return CocoFile.model_validate_json(text), {}
        except ValidationError as error:
            wrong = self._wrong_annotations(error)
        # To catch them one by one would make a sound file, the usual one, three times as slow.
        content = json.loads(text)
        faults: dict[int, list[Defect]] = {}
        for place, told in wrong.items():
            row = content["annotations"][place]
            number = str(row.get("id", f"in place {place}"))
            message = (
                f"{self.file}: annotation {number} cannot be used: {told}; expected are id, "
                "category_id and polygons [[x, y, x, y, …], …] as segmentation"
            )
            fault = Defect("unreadable annotation", self.file, number, message)
            faults.setdefault(int(row["image_id"]), []).append(fault)
        usable = [row for n, row in enumerate(content["annotations"]) if n not in wrong]
        return CocoFile.model_validate(content | {"annotations": usable}), faults

    def _wrong_annotations(self, error: ValidationError) -> dict[int, str]:
        """What is wrong with single annotations, by their place in the file.

        Raises:
            DataError: anything else is wrong, or it is not known whose annotation it is.
        """
        wrong: dict[int, str] = {}
        others = []
        for each in error.errors(include_url=False, include_input=False):
            match each["loc"]:
                case ("annotations", int(place), str(key), *further) if key != "image_id":
                    told = f"{'.'.join(map(str, [key, *further]))}: {each['msg']}"
                    wrong.setdefault(place, told)
                case location:
                    others.append(f"{'.'.join(map(str, location)) or 'it'}: {each['msg']}")
        if others:
            raise DataError(f"{self.file}: is not a COCO file: {some(others)}") from error
        return wrong

    def _text(self) -> bytes:
        """The annotation file, without the byte order mark that editors of Windows put first."""
        if not self.file.is_file():
            raise other_layout(self.root, LAYOUT)
        text = self.file.read_bytes().removeprefix(BOM_UTF8)
        if text.startswith(LFS_POINTER):
            raise DataError(
                f"{self.file} is a pointer of Git LFS and not the annotations ({len(text)} bytes): "
                "run `git lfs install` and `git lfs pull` in the repository, or download the file "
                "with scripts/dataset.py action=download dataset=modanet"
            )
        return text


def modanet(*, root: str, names: Sequence[str], overlap: Overlap, missing: Missing) -> ModaNet:
    """ModaNet.

    Args:
        root: folder with `annotations/` and `images/`.
        names: background and the 13 categories, in id order.
        overlap: `small_on_top` or `later_wins`.
        missing: `error` or `leave_out`.

    Raises:
        ConfigError: the library that fills its polygons is not installed.
    """
    require_extra("modanet", "dataset=modanet")
    return ModaNet(Path(root), names, overlap, missing)
