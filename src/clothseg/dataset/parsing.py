"""Human parsing: the people in one image and their parts, as aligned maps."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from clothseg.dataset.defect import Defect
from clothseg.dataset.png import read_ids, value_counts
from clothseg.error import DataError, abbreviate, shortened
from clothseg.labels import IGNORE
from clothseg.untrusted import read_text

PERSON_STEP = 20
"""An instance value is 20 * (person - 1) + class, persons counted from 1, for 19 classes."""
INSTANCE_BIT_DEPTHS = (8, 16)
"""Allowed bits per pixel of a part map; more than twelve people need more than eight."""


@dataclass(frozen=True)
class Parsing:
    """Aligned per-pixel maps of one image. Left and right are from the person's point of view.

    Args:
        category: class ids uint8 [H,W], 0 = background.
        person: person numbers uint8 [H,W] from 1, 0 = none.
        instance: parts uint16 [H,W], 20 * (person - 1) + class, 0 = none.
        size: size ids uint8 [H,W], 0 = none; None if the dataset has no characteristics.
        pattern: pattern ids, like `size`.
        color: color ids, like `size`.
    """

    category: np.ndarray
    person: np.ndarray
    instance: np.ndarray
    size: np.ndarray | None = None
    pattern: np.ndarray | None = None
    color: np.ndarray | None = None

    def flip(self, flip_table: np.ndarray) -> "Parsing":
        """Flip all maps horizontally; a left arm becomes a right arm.

        Args:
            flip_table: class id after a flip of each class id, uint8 [256], see
                :attr:`clothseg.labels.LabelSpace.flip_table`.
        """
        maps = {field.name: getattr(self, field.name) for field in fields(self)}
        flipped = {
            name: np.ascontiguousarray(values[:, ::-1])
            for name, values in maps.items()
            if values is not None
        }
        classes = flipped["instance"] % PERSON_STEP
        flipped["instance"] = flipped["instance"] - classes + flip_table[classes]
        flipped["category"] = flip_table[flipped["category"]]
        return Parsing(**flipped)


def examine_maps(
    paths: Mapping[str, Path], names: Mapping[str, tuple[Sequence[str], str]]
) -> tuple[dict[str, np.ndarray], list[Defect]]:
    """Read the maps of an image [H,W]; return the readable ones, and the defects of all maps.

    Args:
        paths: files of the maps, by field name of :class:`Parsing`.
        names: for some maps, the names of their values in id order and the key of these names in
            the dataset's configuration.
    """
    maps: dict[str, np.ndarray] = {}
    defects: list[Defect] = []
    for kind, path in paths.items():
        try:
            maps[kind] = read_map(path, INSTANCE_BIT_DEPTHS if kind == "instance" else (8,))
        except Defect as defect:
            defects.append(defect)
    if "instance" in maps:
        defects += check_part_list(paths["instance"], maps["instance"])
    if "category" in maps:
        for kind, values in maps.items():
            defects += _size_defects(paths[kind], values, paths["category"], maps["category"])
    for kind, (allowed, key) in names.items():
        if kind in maps:
            defects += _name_defects(paths[kind], maps[kind], allowed, key)
    return maps, defects


def read_map(path: Path, depths: Collection[int] = (8,)) -> np.ndarray:
    """Read the ids [H,W] of one map, see :func:`clothseg.dataset.png.read_ids`.

    Raises:
        Defect: the file is not such a PNG or cannot be decoded.
    """
    try:
        return read_ids(path, depths)
    except DataError as error:
        raise Defect("unreadable annotation", path, "", str(error)) from error


def check_part_list(path: Path, stored: np.ndarray) -> list[Defect]:
    """Check the part list of an image and compare it with the part map.

    Args:
        path: the map; the list is next to it.
        stored: values of the map [H,W], 8 or 16 bits.
    """
    list_file = path.with_suffix(".txt")
    try:
        listed = _listed_values(list_file)
    except Defect as defect:
        return [defect]
    areas = value_counts(stored)
    present = {int(value) for value in np.flatnonzero(areas)} - {0}
    defects = []
    if without_pixels := [value for value in listed if value not in present]:
        truncated = stored.dtype == np.uint8 and max(without_pixels) > 255
        message = (
            f"{path}: no pixel has value {abbreviate(without_pixels)}, which {list_file} lists"
            + ("; the PNG has 8 bits, which cannot store values above 255" if truncated else "")
        )
        defects.append(Defect("contradictory maps", path, abbreviate(without_pixels), message))
        if truncated:  # other differences follow from it
            return defects
    if without_line := sorted(present.difference(listed)):
        value = without_line[0]
        message = (
            f"{path}: {areas[value]} pixels have value {value}, which {list_file} does not list"
        )
        defects.append(Defect("contradictory maps", path, str(value), message))
    return defects


def _listed_values(path: Path) -> list[int]:
    """Read the instance values in the part list of an image, lines of `value class person`.

    Raises:
        Defect: a line is malformed, or its value contradicts its class or person; names the line.
    """
    values = []
    try:
        text = read_text(path)
    except DataError as error:
        raise Defect("unreadable annotation", path, "", str(error)) from error
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value, source, person = map(int, line.split())
        except ValueError as error:
            message = (
                f"{path} line {number}: `{shortened(line)}`; expected three integers: value, "
                "class, person"
            )
            raise Defect("unreadable annotation", path, f"line {number}", message) from error
        expected = value % PERSON_STEP, value // PERSON_STEP + 1
        if (source, person) != expected or source == 0:
            message = (
                f"{path} line {number}: value {shortened(value)} is class {expected[0]} of person "
                f"{shortened(expected[1])}, as value = {PERSON_STEP} * (person - 1) + class; the "
                f"line states class {shortened(source)} of person {shortened(person)}"
            )
            raise Defect("contradictory maps", path, shortened(value), message)
        values.append(value)
    return values


def _size_defects(
    path: Path, values: np.ndarray, partner: Path, others: np.ndarray
) -> list[Defect]:
    """Return the defect of a map whose size differs from that of the class map."""
    if values.shape == others.shape:
        return []
    sizes = [f"{m.shape[1]}x{m.shape[0]}" for m in (values, others)]
    message = f"{path} is {sizes[0]}, {partner} is {sizes[1]} pixels"
    return [Defect("different sizes", path, " and ".join(sizes), message)]


def _name_defects(path: Path, ids: np.ndarray, names: Sequence[str], key: str) -> list[Defect]:
    """Return the defect of a map with values that have no name."""
    unnamed = [
        int(value) for value in np.flatnonzero(value_counts(ids)) if len(names) <= value != IGNORE
    ]
    if not unnamed:
        return []
    message = (
        f"{path}: value {abbreviate(unnamed)} has no name; dataset.{key} names 0 to "
        f"{len(names) - 1}: {', '.join(names)}"
    )
    return [Defect("label out of range", path, abbreviate(unnamed), message)]


def check_classes(path: Path, category: np.ndarray, instance: np.ndarray) -> list[str]:
    """Warn if the class map differs from the part map.

    Not a defect: the releases could not be checked for it.

    Args:
        path: the class map.
        category: its ids [H,W].
        instance: values of the part map [H,W].
    """
    classes = instance % PERSON_STEP
    different = (instance > 0) & (category != classes) & (category != IGNORE)
    if not different.any():
        return []
    row, column = np.argwhere(different)[0].tolist()
    found, part = int(category[row, column]), int(instance[row, column])
    return [
        f"{path}: {np.count_nonzero(different)} pixels differ in class from their part in "
        f"Instance_ids; the first one, at row {row}, column {column}, has class {found}, but "
        f"part {part} has class {part % PERSON_STEP}, as value = {PERSON_STEP} * (person - 1) + "
        "class"
    ]
