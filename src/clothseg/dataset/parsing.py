"""Human parsing: one photo's people and their parts, as maps that go together."""

from dataclasses import dataclass, fields

import numpy as np

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
