"""Crowd instance-level human parsing: CIHP, and CCIHP with sizes, patterns and colours."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from clothseg.dataset.defect import Defect, missing_partners
from clothseg.dataset.listing import other_layout, some
from clothseg.dataset.parsing import (
    INSTANCE_DEPTHS,
    PERSON_STEP,
    Parsing,
    different_classes,
    examined_maps,
    list_defects,
    read_map,
)
from clothseg.dataset.png import read_ids
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError

PARTS = {"Training": ("train", "train_id.txt"), "Validation": ("validation", "val_id.txt")}
"""Folders of the release: what they are called here, and their lists of photos."""
LAYOUT = "Training/ and Validation/ with Images/, Category_ids/, Human_ids/ and Instance_ids/"

Characteristic = dict[Literal["folders", "names"], list[str]]
"""Folders that may hold a kind of map, tried in order, and its values' names in id order."""


class CrowdParsing(Reader):
    """CIHP as its archive unpacks: 28,280 training and 5,000 validation photos of several people.

    The mask that is trained on is `Category_ids`. The test part has no annotations and is not read.

    Args:
        root: folder that holds `Training` and `Validation`, or one that it was unpacked into; some
            mirrors double it.
        names: background and the 19 classes, in id order.

    Licence: not stated where the release is described.
    Source: Gong et al., Instance-level human parsing via part grouping network, ECCV 2018.
    """

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        super().__init__(_home(root), names)

    def samples(self) -> list[Sample]:
        """Photos in the order of the lists, those for training first."""
        samples = [sample for part in self._parts for sample in self._samples_of(part)]
        if not samples:
            lists = [f"{self._list_of(part)} lists no photo" for part in self._parts]
            raise DataError(f"{' and '.join(lists)}; expected one number a line")
        uses = Counter(sample.name for sample in samples)
        if twice := [name for name, count in uses.items() if count > 1]:
            parts = {sample.part for sample in samples if uses[sample.name] > 1}
            lists = [str(self._list_of(part)) for part in self._parts if PARTS[part][0] in parts]
            raise DataError(
                f"{' and '.join(lists)}: listed more than once: {some(twice)}; keep one line of "
                "each photo"
            )
        if absent := [path for part in self._parts for path in self._absent_files(part)]:
            there = [s for s in samples if s.name not in {path.stem for path in absent}]
            message = f"{len(absent)} files of {self.root} are missing"
            raise missing_partners(there, dict.fromkeys(absent, "listed and missing"), message)
        return samples

    def read_mask(self, sample: Sample) -> np.ndarray:
        """Class ids uint8 [H,W] of all people."""
        return read_ids(sample.annotation)

    def read_parsing(self, sample: Sample) -> Parsing:
        """All maps of a photo.

        Raises:
            Defect: names the file and the value: a map cannot be read, sizes differ, a value has no
                name, or the map of the parts disagrees with their list or with the classes.
        """
        maps, defects = examined_maps(self._maps(sample), self._value_names)
        if defects:
            raise defects[0]
        return Parsing(**maps | {"instance": maps["instance"].astype(np.uint16)})

    def read_instances(self, sample: Sample) -> np.ndarray:
        """Parts uint16 [H,W], 20 * (person - 1) + class.

        Raises:
            Defect: the list of the parts disagrees with their map or with itself.
        """
        path = self._maps(sample)["instance"]
        stored = read_map(path, INSTANCE_DEPTHS)
        if defects := list_defects(path, stored):
            raise defects[0]
        return stored.astype(np.uint16)

    def objects(self, sample: Sample) -> list[tuple[int, int]]:
        """One object a part of a person."""
        areas = np.bincount(self.read_instances(sample).ravel())
        return [(int(v) % PERSON_STEP, int(areas[v])) for v in np.flatnonzero(areas) if v]

    def further_defects(self, sample: Sample) -> list[Defect]:
        """What is wrong with any map of a photo, and between them."""
        return examined_maps(self._maps(sample), self._value_names)[1]

    def files(self, sample: Sample) -> list[Path]:
        """The photo, its maps, and the list of its parts."""
        maps = self._maps(sample)
        return [sample.image, *maps.values(), maps["instance"].with_suffix(".txt")]

    def sample_warnings(self, sample: Sample) -> list[str]:
        """Classes that are not those of the parts, and people who are not the union of theirs."""
        parsing = self.read_parsing(sample)
        classes = different_classes(sample.annotation, parsing.category, parsing.instance)
        owner = np.where(parsing.instance > 0, parsing.instance // PERSON_STEP + 1, 0)
        different = parsing.person != owner
        people = np.union1d(parsing.person[different], owner[different])
        kind = "differs from the union of its parts"
        path = self._maps(sample)["person"]
        return [*classes, *(f"{path}: person {p} {kind}" for p in people if p)]

    def warnings(self) -> list[str]:
        """A part that is not there."""
        absent = [part for part in PARTS if part not in self._parts]
        return [f"{self.root} has no {' and no '.join(absent)}"] if absent else []

    @property
    def _value_names(self) -> dict[str, tuple[Sequence[str], str]]:
        """Names of the values of each kind of map, and their key in the configuration."""
        return {"category": (self.names, "names")}

    @cached_property
    def _folders(self) -> dict[str, str]:
        """Folders of the maps by :class:`Parsing`'s names."""
        return {"category": "Category_ids", "person": "Human_ids", "instance": "Instance_ids"}

    def _maps(self, sample: Sample) -> dict[str, Path]:
        """Files of the maps, by the same names."""
        home, name = sample.annotation.parents[1], f"{sample.name}.png"
        return {kind: home / folder / name for kind, folder in self._folders.items()}

    @property
    def _parts(self) -> list[str]:
        parts = [part for part in PARTS if (self.root / part / "Images").is_dir()]
        if not parts:
            raise other_layout(self.root, LAYOUT)
        return parts

    def _list_of(self, part: str) -> Path:
        """The file that lists the photos of a part."""
        return self.root / part / PARTS[part][1]

    def _samples_of(self, part: str) -> list[Sample]:
        folder, listed = self.root / part, self._list_of(part)
        if not listed.is_file():
            raise DataError(f"{listed}: no such file; it lists the photos of {part}")
        # Editors of Windows put a byte order mark first; the last line may have no end.
        numbers = listed.read_text(encoding="utf-8-sig", errors="replace").split()
        images, masks, name = folder / "Images", folder / self._folders["category"], PARTS[part][0]
        return [Sample(n, images / f"{n}.jpg", masks / f"{n}.png", part=name) for n in numbers]

    def _absent_files(self, part: str) -> list[Path]:
        """Files that the list of a part calls for and that are not there.

        Folders are listed: asking for each file of the release takes three times as long.
        """
        folder, numbers = self.root / part, [s.name for s in self._samples_of(part)]
        kinds = [("Images", ".jpg"), *((maps, ".png") for maps in self._folders.values())]
        absent = []
        for maps, ending in [*kinds, (self._folders["instance"], ".txt")]:
            place = folder / maps
            there = {path.name for path in place.iterdir()} if place.is_dir() else set()
            absent += [place / f"{n}{ending}" for n in numbers if f"{n}{ending}" not in there]
        return absent


class CharacteristicParsing(CrowdParsing):
    """CCIHP: CIHP's photos with new classes, and size, pattern and colour of clothes and hair.

    People are larger than the union of their parts here: belts and jewellery belong to a person and
    to no class. No public description of the files was found, so that folders and names are part
    of the configuration.

    Args:
        root: as of :class:`CrowdParsing`.
        names: background and the 19 classes, in id order.
        characteristics: folders and names of `size`, `pattern` and `color`.

    Licence: not known; the release was not seen.
    Source: Loesch and Audigier, Describe me if you can! Characterized instance-level human
        parsing, ICIP 2021.
    """

    def __init__(
        self, root: Path, names: Sequence[str], characteristics: Mapping[str, Characteristic]
    ) -> None:
        super().__init__(root, names)
        self.characteristics = characteristics

    @property
    def further_names(self) -> dict[str, list[str]]:
        """Sizes, patterns and colours."""
        return {kind: each["names"] for kind, each in self.characteristics.items()}

    def further_maps(self, sample: Sample) -> dict[str, np.ndarray]:
        """Their maps."""
        parsing = self.read_parsing(sample)
        return {kind: getattr(parsing, kind) for kind in self.characteristics}

    def sample_warnings(self, sample: Sample) -> list[str]:
        """Classes that are not those of the parts, and parts that lie outside their person.

        A person may be larger than the union of them.
        """
        parsing = self.read_parsing(sample)
        classes = different_classes(sample.annotation, parsing.category, parsing.instance)
        owner = parsing.instance // PERSON_STEP + 1
        outside = (parsing.instance > 0) & (parsing.person != owner)
        people, areas = np.unique(owner[outside], return_counts=True)
        path = self._maps(sample)["person"]
        outsiders = (
            f"{path}: {area} pixels of the parts of person {person} are not of that person"
            for person, area in zip(people, areas, strict=True)
        )
        return [*classes, *outsiders]

    def warnings(self) -> list[str]:
        """A part that is not there, and the folders that characteristics are read from."""
        taken = [
            f"{kind} maps are read from {self._folders[kind]}" for kind in self.characteristics
        ]
        return [*super().warnings(), *taken]

    @property
    def _value_names(self) -> dict[str, tuple[Sequence[str], str]]:
        """CIHP's, and those of the characteristics."""
        further = {k: (each["names"], f"{k}.names") for k, each in self.characteristics.items()}
        return super()._value_names | further

    @cached_property
    def _folders(self) -> dict[str, str]:
        """CIHP's, and of each characteristic the first candidate that every part has."""
        folders = dict(super()._folders)
        for kind, characteristic in self.characteristics.items():
            tried = characteristic["folders"]
            there = [n for n in tried if all((self.root / p / n).is_dir() for p in self._parts)]
            if not there:
                inside = {f.name for p in self._parts for f in (self.root / p).iterdir()}
                seen = sorted(name for name in inside if not name.startswith("."))
                raise DataError(
                    f"{self.root}: no folder of {kind} maps: tried {', '.join(tried)} in "
                    f"{' and '.join(self._parts)}; found {', '.join(seen)}. Name it with "
                    f"dataset.{kind}.folders=[<folder>]"
                )
            folders[kind] = there[0]
        return folders


def _home(root: Path) -> Path:
    """The one folder that holds the parts, at most two folders further down; else `root`."""
    for above in ("", "*/", "*/*/"):
        found = {path.parents[1] for part in PARTS for path in root.glob(f"{above}{part}/Images")}
        if found:
            return found.pop() if len(found) == 1 else root
    return root


def cihp(*, root: str, names: Sequence[str]) -> CrowdParsing:
    """Crowd Instance-level Human Parsing.

    Args:
        root: folder with `Training/` and `Validation/`, or one around it.
        names: background and the 19 classes, in id order.
    """
    return CrowdParsing(Path(root), names)


def ccihp(
    *,
    root: str,
    names: Sequence[str],
    size: Characteristic,
    pattern: Characteristic,
    color: Characteristic,
) -> CharacteristicParsing:
    """Characterized CIHP.

    Args:
        root: folder with `Training/` and `Validation/`, or one around it.
        names: background and the 19 classes, in id order.
        size: folders and names of the size maps.
        pattern: folders and names of the pattern maps.
        color: folders and names of the colour maps.
    """
    kinds = {"size": size, "pattern": pattern, "color": color}
    return CharacteristicParsing(Path(root), names, kinds)
