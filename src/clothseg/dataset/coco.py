"""Annotation files in COCO's format: objects as polygons, checked before they are filled."""

from codecs import BOM_UTF8
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, Field, FiniteFloat, ValidationError
from pydantic_core import PydanticCustomError

from clothseg.dataset.defect import Defect
from clothseg.dataset.image import MAX_SIDE
from clothseg.error import DataError, abbreviate, shortened
from clothseg.untrusted import parse_json, read_file

LFS_POINTER = b"version https://git-lfs"
MAX_OUTLINE = 1 << 20
"""Longest outline of a polygon, pixels; the library that fills it needs 100 bytes per pixel."""
MAX_NUMBER = 1 << 53
"""Largest id, which names files."""
MAX_FILE_BYTES = 1 << 28
"""Largest annotation file, 256 MiB, as its parsed values take several times the room; ModaNet's has
106 MB."""
MAX_ENTRIES = 1 << 20
"""Most images and most objects of a file; ModaNet has 52,377 images with a few objects each."""

Number = Annotated[int, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]
"""Id of an object, of its image or of its category; an invalid one is reported."""


class CocoImage(BaseModel):
    """One image entry of a COCO file."""

    id: Annotated[int, Field(ge=0, le=MAX_NUMBER)]
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

    id: Number
    image_id: Number
    category_id: Number
    segmentation: list[Annotated[list[FiniteFloat], AfterValidator(_in_pairs)]]


class CocoFile(BaseModel):
    """The fields that are read from a COCO file."""

    images: Annotated[list[CocoImage], Field(max_length=MAX_ENTRIES)]
    annotations: Annotated[list[CocoAnnotation], Field(max_length=MAX_ENTRIES)]


def read_coco(path: Path) -> tuple[CocoFile, dict[int, list[Defect]]]:
    """Read the valid content of an annotation file, and the defects of its invalid annotations.

    Returns:
        the content without invalid annotations, and their defects by the id of their image.

    Raises:
        DataError: the file is not a COCO file.
    """
    text = _text(path)
    try:
        return CocoFile.model_validate_json(text), {}
    except ValidationError as error:
        problems = _annotation_problems(path, error)
    # One by one from the start would make a valid file, the usual case, three times as slow.
    content = parse_json(text)
    faults: dict[int, list[Defect]] = {}
    for index, problem in problems.items():
        row = content["annotations"][index]
        number = shortened(row.get("id", f"in place {index}"))
        message = (
            f"{path}: annotation {number} is invalid: {problem}; expected id, category_id and, as "
            "segmentation, polygons [[x, y, x, y, …], …]"
        )
        fault = Defect("unreadable annotation", path, number, message)
        faults.setdefault(int(row["image_id"]), []).append(fault)
    valid = [row for n, row in enumerate(content["annotations"]) if n not in problems]
    return CocoFile.model_validate(content | {"annotations": valid}), faults


def outline_problem(polygon: Sequence[float], height: int, width: int) -> str | None:
    """Describe why a polygon cannot be filled; None if it can.

    Args:
        polygon: alternating x and y of the vertices, pixels.
        height: of the image, pixels.
        width: of the image, pixels.
    """
    corners = np.array(polygon).reshape(-1, 2)
    outside = (np.abs(corners) > MAX_SIDE).any(1)
    if outside.any():
        x, y = corners[outside][0].tolist()
        return f"corner x={x:g}, y={y:g} is far outside the image of {width}x{height} pixels"
    length = np.abs(corners - np.roll(corners, 1, axis=0)).max(1).sum()
    if length > MAX_OUTLINE:
        return f"a polygon's outline has {length:.0f} pixels; allowed are {MAX_OUTLINE}"
    return None


def _annotation_problems(path: Path, error: ValidationError) -> dict[int, str]:
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
        raise DataError(f"{path}: not a COCO file: {abbreviate(others)}") from error
    return problems


def _text(path: Path) -> bytes:
    """Read the annotation file without the byte order mark that Windows editors write."""
    text = read_file(path, MAX_FILE_BYTES).removeprefix(BOM_UTF8)
    if text.startswith(LFS_POINTER):
        raise DataError(
            f"{path} is a Git LFS pointer, not the annotations ({len(text)} bytes): "
            "run `git lfs install` and `git lfs pull` in the repository, or download the file "
            "with scripts/dataset.py action=download dataset=modanet"
        )
    return text
