"""Human parsing: one photo's people and their parts, as maps that go together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from clothseg.dataset.defect import Defect
from clothseg.dataset.listing import some
from clothseg.dataset.png import read_ids
from clothseg.error import DataError
from clothseg.labels import IGNORE

PERSON_STEP = 20
"""An instance value is 20 * (person - 1) + class, persons counted from 1, for 19 classes."""
INSTANCE_DEPTHS = (8, 16)
"""Bits of a pixel of the parts: more than twelve people need more than eight."""


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

    def mirrored(self, flip_table: np.ndarray) -> "Parsing":
        """All maps as a mirror shows them; the mirrored left arm is a right arm.

        Args:
            flip_table: class id of every class id in a mirror uint8 [256], see
                :attr:`clothseg.labels.LabelSpace.flip_table`.
        """
        maps = {field.name: getattr(self, field.name) for field in fields(self)}
        turned = {
            name: np.ascontiguousarray(values[:, ::-1])
            for name, values in maps.items()
            if values is not None
        }
        classes = turned["instance"] % PERSON_STEP
        turned["instance"] = turned["instance"] - classes + flip_table[classes]
        turned["category"] = flip_table[turned["category"]]
        return Parsing(**turned)


def examined_maps(
    paths: Mapping[str, Path], names: Mapping[str, tuple[Sequence[str], str]]
) -> tuple[dict[str, np.ndarray], list[Defect]]:
    """The maps of a photo [H,W] that can be read, and all that is wrong with any or between them.

    Args:
        paths: files of the maps by :class:`Parsing`'s names.
        names: for some of them the names of their values in id order, and the key under which the
            configuration of the dataset has those.
    """
    maps: dict[str, np.ndarray] = {}
    defects: list[Defect] = []
    for kind, path in paths.items():
        try:
            maps[kind] = read_map(path, INSTANCE_DEPTHS if kind == "instance" else (8,))
        except Defect as defect:
            defects.append(defect)
    if "instance" in maps:
        defects += list_defects(paths["instance"], maps["instance"])
    if "category" in maps:
        for kind, values in maps.items():
            defects += _size_defects(paths[kind], values, paths["category"], maps["category"])
    for kind, (allowed, key) in names.items():
        if kind in maps:
            defects += _name_defects(paths[kind], maps[kind], allowed, key)
    return maps, defects


def read_map(path: Path, depths: Collection[int] = (8,)) -> np.ndarray:
    """Ids [H,W] of one of a photo's maps, see :func:`clothseg.dataset.png.read_ids`.

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


def _size_defects(
    path: Path, values: np.ndarray, partner: Path, others: np.ndarray
) -> list[Defect]:
    """The defect of a map that has another size than the map of classes."""
    if values.shape == others.shape:
        return []
    shown = [f"{m.shape[1]}x{m.shape[0]}" for m in (values, others)]
    message = f"{path} is {shown[0]}, {partner} is {shown[1]} pixels"
    return [Defect("different sizes", path, " and ".join(shown), message)]


def _name_defects(path: Path, ids: np.ndarray, names: Sequence[str], key: str) -> list[Defect]:
    """The defect of a map with values that have no name."""
    wrong = [int(value) for value in np.unique(ids) if len(names) <= value != IGNORE]
    if not wrong:
        return []
    message = (
        f"{path}: value {some(wrong)} has no name; dataset.{key} has 0 to {len(names) - 1}: "
        f"{', '.join(names)}"
    )
    return [Defect("label out of range", path, some(wrong), message)]


def different_classes(path: Path, category: np.ndarray, instance: np.ndarray) -> list[str]:
    """A sentence when the map of classes differs from that of the parts.

    It stops nothing: that a release keeps this everywhere could not be seen.

    Args:
        path: the map of classes.
        category: its ids [H,W].
        instance: values of the map of parts [H,W].
    """
    classes = instance % PERSON_STEP
    different = (instance > 0) & (category != classes) & (category != IGNORE)
    if not different.any():
        return []
    row, column = np.argwhere(different)[0].tolist()
    found, part = int(category[row, column]), int(instance[row, column])
    return [
        f"{path}: {np.count_nonzero(different)} pixels have another class than their part in "
        f"Instance_ids; the first one, in row {row} and column {column}, has class {found}, and "
        f"part {part} is of class {part % PERSON_STEP}, as value = {PERSON_STEP} * (person - 1) + "
        "class"
    ]
