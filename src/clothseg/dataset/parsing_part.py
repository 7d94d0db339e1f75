"""Ground truth of one part of CIHP or CCIHP, such as `Validation`, without its images."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from clothseg.dataset.human_parsing import Characteristic
from clothseg.dataset.parsing import PERSON_STEP, examine_maps
from clothseg.dataset.png import value_counts
from clothseg.error import DataError, abbreviate
from clothseg.metric.names import PARTS
from clothseg.metric.parsing.instances import Instances
from clothseg.metric.parsing.scores import TruePicture

FOLDERS = {"category": "Category_ids", "person": "Human_ids", "instance": "Instance_ids"}
"""Folders of the maps, by field name of :class:`clothseg.dataset.parsing.Parsing`."""


class ParsingPart:
    """Ground truth of the pictures in a folder.

    Args:
        folder: folder with `Category_ids`, `Human_ids` and `Instance_ids`.
        names: background and classes, in id order.
        characteristics: folders and names of `size`, `pattern` and `color`; those without a folder
            here are left out.

    Raises:
        DataError: a folder is missing, or the folders have different pictures.
    """

    def __init__(
        self, folder: Path, names: Sequence[str], characteristics: Mapping[str, Characteristic]
    ) -> None:
        self.folder, self.classes = folder, list(names)
        if missing := [name for name in FOLDERS.values() if not (folder / name).is_dir()]:
            raise DataError(
                f"target={folder}: no {' and no '.join(missing)} in it; it must be a part of CIHP "
                "or CCIHP, such as Validation"
            )
        self.candidates = {kind: one["folders"] for kind, one in characteristics.items()}
        found = {
            kind: next((name for name in names if (folder / name).is_dir()), None)
            for kind, names in self.candidates.items()
        }
        self.characteristics = {kind: name for kind, name in found.items() if name is not None}
        self.value_names = {PARTS: self.classes} | {
            kind: one["names"]
            for kind, one in characteristics.items()
            if kind in self.characteristics
        }
        self._require_same_pictures()

    @cached_property
    def pictures(self) -> list[str]:
        """Names of the pictures, which are those of the class maps."""
        return _stems(self.folder / FOLDERS["category"], ".png")

    @property
    def warnings(self) -> list[str]:
        """Characteristics without a folder, with the candidates that were tried."""
        return [
            f"no {kind} maps in {self.folder}: tried {', '.join(tried)}; their scores are left out"
            for kind, tried in self.candidates.items()
            if kind not in self.characteristics
        ]

    def read(self, picture: str) -> TruePicture:
        """Read the maps of a picture.

        Raises:
            Defect: with file and value: a map cannot be read, sizes differ, a value has no name, or
                the part map contradicts the part list.
        """
        names = {"category": (self.classes, "names")}
        names |= {k: (self.value_names[k], f"{k}.names") for k in self.characteristics}
        folders = FOLDERS | self.characteristics
        paths = {kind: self.folder / name / f"{picture}.png" for kind, name in folders.items()}
        maps, defects = examine_maps(paths, names)
        if defects:
            raise defects[0]
        stored = maps["instance"]
        values = [int(v) for v in np.flatnonzero(value_counts(stored)) if v]
        instances = Instances.numbered(stored, [(v, v % PERSON_STEP) for v in values])
        kept = {PARTS: maps["category"]} | {kind: maps[kind] for kind in self.characteristics}
        return TruePicture(kept, maps["person"], instances)

    def _require_same_pictures(self) -> None:
        """Check that all folders have the maps of all pictures.

        Raises:
            DataError: names the folder and the pictures that it lacks, or says that there is none.
        """
        if not self.pictures:
            raise DataError(f"target={self.folder}: no .png in {FOLDERS['category']}")
        required = [(name, ".png") for name in [*FOLDERS.values(), *self.characteristics.values()]]
        for name, suffix in [*required, (FOLDERS["instance"], ".txt")]:
            existing = set(_stems(self.folder / name, suffix))
            if absent := [picture for picture in self.pictures if picture not in existing]:
                raise DataError(
                    f"{self.folder / name}: {len(absent)} of {len(self.pictures)} files are "
                    f"missing: {abbreviate([picture + suffix for picture in absent])}"
                )


def _stems(folder: Path, suffix: str) -> list[str]:
    files = (path for path in folder.iterdir() if path.suffix == suffix)
    return sorted(path.stem for path in files if not path.name.startswith("."))
