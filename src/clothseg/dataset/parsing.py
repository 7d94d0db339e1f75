"""Human parsing: one photo's people and their parts, as maps that go together."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from clothseg.error import DataError

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


def listed_values(path: Path) -> list[int]:
    """Instance values in the list of a photo's parts, lines of `value class person`.

    Raises:
        DataError: a line is no such line, or its value is another part; names the line.
    """
    values = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        try:
            value, source, person = map(int, line.split())
        except ValueError as error:
            raise DataError(
                f"{path} line {number}: `{line}`; expected three whole numbers: value, class, "
                "person"
            ) from error
        means = value % PERSON_STEP, value // PERSON_STEP + 1
        if (source, person) != means or source == 0:
            raise DataError(
                f"{path} line {number}: value {value} is class {means[0]} of person "
                f"{means[1]}, as value = {PERSON_STEP} * (person - 1) + class; the line says "
                f"class {source} of person {person}"
            )
        values.append(value)
    return values
