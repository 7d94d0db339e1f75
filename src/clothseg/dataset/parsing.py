"""Human parsing: one photo's people and their parts, as maps that go together."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from clothseg.dataset.defect import Defect
from clothseg.dataset.listing import some
from clothseg.error import DataError
from clothseg.labels import IGNORE
from clothseg.png import read_ids

PERSON_STEP = 20
"""An instance value is 20 * (person - 1) + class, persons counted from 1, for 19 classes."""


@dataclass(frozen=True)
class Parsing:
    """What every pixel of one photo shows. Left and right are a person's own sides.

    Args:
        category: class ids uint8 [H,W], 0 = background.
        person: person numbers uint8 [H,W] from 1, 0 = none.
        instance: parts uint16 [H,W], 20 * (person - 1) + class, 0 = none.
        size: size ids uint8 [H,W], 0 = none; None where the dataset has no characteristics.
        pattern: pattern ids, as `size`.
        color: colour ids, as `size`.
    """

    category: np.ndarray
    person: np.ndarray
    instance: np.ndarray
    size: np.ndarray | None = None
    pattern: np.ndarray | None = None
    color: np.ndarray | None = None

    def mirrored(self, exchanged: np.ndarray) -> "Parsing":
        """All maps as a mirror shows them; the mirrored left arm is a right arm.

        Args:
            exchanged: class id of every class id in a mirror uint8 [256], see
                :attr:`clothseg.labels.LabelSpace.exchanged`.
        """
        maps = {field.name: getattr(self, field.name) for field in fields(self)}
        turned = {
            name: np.ascontiguousarray(values[:, ::-1])
            for name, values in maps.items()
            if values is not None
        }
        classes = turned["instance"] % PERSON_STEP
        turned["instance"] = turned["instance"] - classes + exchanged[classes]
        turned["category"] = exchanged[turned["category"]]
        return Parsing(**turned)


def read_map(path: Path, depths: Collection[int] = (8,)) -> np.ndarray:
    """Ids [H,W] of one of a photo's maps, see :func:`clothseg.png.read_ids`.

    Raises:
        Defect: the file is no such PNG or cannot be decoded.
    """
    try:
        return read_ids(path, depths)
    except DataError as error:
        raise Defect("unreadable annotation", path, "", str(error)) from error


def list_defects(path: Path, stored: np.ndarray) -> list[Defect]:
    """What is wrong with the list of a photo's parts, and between it and their map.

    Args:
        path: the map; the list is beside it.
        stored: values of the map [H,W], of 8 or 16 bits.
    """
    beside = path.with_suffix(".txt")
    try:
        listed = _listed_values(beside)
    except Defect as defect:
        return [defect]
    areas = np.bincount(stored.ravel())
    seen = {int(value) for value in np.flatnonzero(areas)} - {0}
    defects = []
    if without_pixels := [value for value in listed if value not in seen]:
        cut = stored.dtype == np.uint8 and max(without_pixels) > 255
        message = f"{path}: has no pixel of value {some(without_pixels)}, which {beside} lists" + (
            "; the PNG has 8 bits, in which values above 255 are lost" if cut else ""
        )
        defects.append(Defect("contradictory maps", path, some(without_pixels), message))
        if cut:  # what else differs comes of it
            return defects
    if without_line := sorted(seen.difference(listed)):
        value = without_line[0]
        message = (
            f"{path}: has {areas[value]} pixels of value {value}, which {beside} does not list"
        )
        defects.append(Defect("contradictory maps", path, str(value), message))
    return defects


def unnamed_values(path: Path, ids: np.ndarray, names: Sequence[str], key: str) -> list[Defect]:
    """The defect of a map with values that have no name.

    Args:
        path: the map.
        ids: its values [H,W].
        names: in id order.
        key: where the configuration of the dataset has them.
    """
    wrong = [int(value) for value in np.unique(ids) if len(names) <= value != IGNORE]
    if not wrong:
        return []
    message = (
        f"{path}: value {some(wrong)} has no name; dataset.{key} has 0 to {len(names) - 1}: "
        f"{', '.join(names)}"
    )
    return [Defect("label out of range", path, some(wrong), message)]


def _listed_values(path: Path) -> list[int]:
    """Instance values in the list of a photo's parts, lines of `value class person`.

    Raises:
        Defect: a line is no such line, or its value is another part; names the line.
    """
    values = []
    # Editors of Windows put a byte order mark before the first line.
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value, source, person = map(int, line.split())
        except ValueError as error:
            message = (
                f"{path} line {number}: `{line}`; expected three whole numbers: value, class, "
                "person"
            )
            raise Defect("unreadable annotation", path, f"line {number}", message) from error
        means = value % PERSON_STEP, value // PERSON_STEP + 1
        if (source, person) != means or source == 0:
            message = (
                f"{path} line {number}: value {value} is class {means[0]} of person "
                f"{means[1]}, as value = {PERSON_STEP} * (person - 1) + class; the line says "
                f"class {source} of person {person}"
            )
            raise Defect("contradictory maps", path, str(value), message)
        values.append(value)
    return values
