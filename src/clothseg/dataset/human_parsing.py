"""Crowd instance-level human parsing: CIHP, and CCIHP with sizes, patterns and colors."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from clothseg.dataset.defect import Defect, missing_partners_error
from clothseg.dataset.listing import layout_error, listed_path
from clothseg.dataset.parsing import (
    INSTANCE_BIT_DEPTHS,
    PERSON_STEP,
    Parsing,
    check_classes,
    check_part_list,
    examine_maps,
    read_map,
)
from clothseg.dataset.png import read_ids, value_counts
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError, abbreviate
from clothseg.untrusted import read_text

PARTS = {"Training": ("train", "train_id.txt"), "Validation": ("validation", "val_id.txt")}
"""Folders of the release, with the name of each part and its list of images."""
LAYOUT = "Training/ and Validation/ with Images/, Category_ids/, Human_ids/ and Instance_ids/"

Characteristic = dict[Literal["folders", "names"], list[str]]
"""Candidate folders of a kind of map, tried in order, and the names of its values in id order."""


class CrowdParsing(Reader):
    """CIHP in the layout of its archive: 28,280 training and 5,000 validation multi-person images.

    The training masks are `Category_ids`. The test part has no annotations and is not read.

    Args:
        root: folder with `Training` and `Validation`, or its parent; some mirrors nest it twice.
        names: background and the 19 classes, in id order.

    License: not stated on the release's page.
    Source: Gong et al., Instance-level human parsing via part grouping network, ECCV 2018.
    """

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        super().__init__(_home(root), names)

    def list_samples(self) -> list[Sample]:
        """Images in the order of the lists, training images first."""
        samples = [sample for part in self._parts for sample in self._samples_of(part)]
        if not samples:
            lists = [f"{self._list_of(part)} lists no images" for part in self._parts]
            raise DataError(f"{' and '.join(lists)}; expected one number per line")
        counts = Counter(sample.name for sample in samples)
        if repeated := [name for name, count in counts.items() if count > 1]:
            parts = {sample.part for sample in samples if counts[sample.name] > 1}
            lists = [str(self._list_of(part)) for part in self._parts if PARTS[part][0] in parts]
            problem = f"listed more than once: {abbreviate(repeated)}; keep one line per image"
            raise DataError(f"{' and '.join(lists)}: {problem}")
        if absent := [path for part in self._parts for path in self._absent_files(part)]:
            complete = [s for s in samples if s.name not in {path.stem for path in absent}]
            message = f"{len(absent)} files of {self.root} are missing"
            raise missing_partners_error(complete, dict.fromkeys(absent, "file missing"), message)
        return samples

    def read_mask(self, sample: Sample) -> np.ndarray:
        """Class ids uint8 [H,W] of all people."""
        return read_ids(sample.annotation)

    def read_parsing(self, sample: Sample) -> Parsing:
        """Read all maps of an image.

        Raises:
            Defect: with file and value: a map cannot be read, sizes differ, a value has no name, or
                the part map contradicts the part list or the class map.
        """
        maps, defects = examine_maps(self._maps(sample), self._value_names)
        if defects:
            raise defects[0]
        return Parsing(**maps | {"instance": maps["instance"].astype(np.uint16)})

    def read_instances(self, sample: Sample) -> np.ndarray:
        """Parts uint16 [H,W], 20 * (person - 1) + class.

        Raises:
            Defect: the part list contradicts the part map or itself.
        """
        path = self._maps(sample)["instance"]
        stored = read_map(path, INSTANCE_BIT_DEPTHS)
        if defects := check_part_list(path, stored):
            raise defects[0]
        return stored.astype(np.uint16)

    @property
    def has_people(self) -> bool:
        """True: every pixel of a person has the person's number."""
        return True

    def person_map(self, sample: Sample) -> np.ndarray:
        """Number of the person of each pixel."""
        return read_map(self._maps(sample)["person"])

    def objects(self, sample: Sample) -> list[tuple[int, int]]:
        """One object per part of a person."""
        areas = value_counts(self.read_instances(sample))
        return [(int(v) % PERSON_STEP, int(areas[v])) for v in np.flatnonzero(areas) if v]

    def further_defects(self, sample: Sample) -> list[Defect]:
        """Defects of single maps of an image, and contradictions between them."""
        return examine_maps(self._maps(sample), self._value_names)[1]

    def files(self, sample: Sample) -> list[Path]:
        """The image, its maps, and its part list."""
        maps = self._maps(sample)
        return [sample.image, *maps.values(), maps["instance"].with_suffix(".txt")]

    def sample_warnings(self, sample: Sample) -> list[str]:
        """Classes that differ from those of the parts, and people that are not a union of parts."""
        parsing = self.read_parsing(sample)
        classes = check_classes(sample.annotation, parsing.category, parsing.instance)
        owner = np.where(parsing.instance > 0, parsing.instance // PERSON_STEP + 1, 0)
        different = parsing.person != owner
        people = np.union1d(parsing.person[different], owner[different])
        problem = "differs from the union of its parts"
        path = self._maps(sample)["person"]
        return [*classes, *(f"{path}: person {p} {problem}" for p in people if p)]

    def warnings(self) -> list[str]:
        """A missing part of the dataset."""
        absent = [part for part in PARTS if part not in self._parts]
        return [f"{self.root} has no {' and no '.join(absent)}"] if absent else []

    @property
    def _value_names(self) -> dict[str, tuple[Sequence[str], str]]:
        """Names of the values of each kind of map, and their key in the configuration."""
        return {"category": (self.names, "names")}

    @cached_property
    def _folders(self) -> dict[str, str]:
        """Folders of the maps, by field name of :class:`Parsing`."""
        return {"category": "Category_ids", "person": "Human_ids", "instance": "Instance_ids"}

    def _maps(self, sample: Sample) -> dict[str, Path]:
        """Files of the maps, by the same names."""
        home, name = sample.annotation.parents[1], f"{sample.name}.png"
        return {kind: home / folder / name for kind, folder in self._folders.items()}

    @property
    def _parts(self) -> list[str]:
        parts = [part for part in PARTS if (self.root / part / "Images").is_dir()]
        if not parts:
            raise layout_error(self.root, LAYOUT)
        return parts

    def _list_of(self, part: str) -> Path:
        """Path of the list of a part's images."""
        return self.root / part / PARTS[part][1]

    def _samples_of(self, part: str) -> list[Sample]:
        folder, list_file = self.root / part, self._list_of(part)
        if not list_file.exists():
            raise DataError(f"{list_file}: no such file; it lists the images of {part}")
        numbers = read_text(list_file).split()
        images, masks, name = folder / "Images", folder / self._folders["category"], PARTS[part][0]
        for number in numbers:
            listed_path(images, f"{number}.jpg", list_file)
        return [Sample(n, images / f"{n}.jpg", masks / f"{n}.png", part=name) for n in numbers]

    def _absent_files(self, part: str) -> list[Path]:
        """Return the files that the list of a part requires but that are missing.

        Folders are listed, as a check per file of the release takes three times as long.
        """
        folder, numbers = self.root / part, [s.name for s in self._samples_of(part)]
        kinds = [("Images", ".jpg"), *((maps, ".png") for maps in self._folders.values())]
        absent = []
        for name, suffix in [*kinds, (self._folders["instance"], ".txt")]:
            subfolder = folder / name
            existing = {p.name for p in subfolder.iterdir()} if subfolder.is_dir() else set()
            required = [f"{number}{suffix}" for number in numbers]
            absent += [subfolder / file for file in required if file not in existing]
        return absent


class CharacteristicParsing(CrowdParsing):
    """CCIHP: CIHP's images with new classes, and size, pattern and color of clothes and hair.

    A person may be larger than the union of its parts: belts and jewelry belong to a person but to
    no class. No public description of the files was found, so folders and names are part of the
    configuration.

    Args:
        root: see :class:`CrowdParsing`.
        names: background and the 19 classes, in id order.
        characteristics: folders and names of `size`, `pattern` and `color`.

    License: unknown; the release was not available.
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
        """Names of sizes, patterns and colors."""
        return {kind: config["names"] for kind, config in self.characteristics.items()}

    def further_maps(self, sample: Sample) -> dict[str, np.ndarray]:
        """Maps of sizes, patterns and colors."""
        paths = self._maps(sample)
        return {kind: read_map(paths[kind]) for kind in self.characteristics}

    def sample_warnings(self, sample: Sample) -> list[str]:
        """Classes that differ from those of the parts, and parts that lie outside their person.

        A person may be larger than the union of its parts.
        """
        parsing = self.read_parsing(sample)
        classes = check_classes(sample.annotation, parsing.category, parsing.instance)
        owner = parsing.instance // PERSON_STEP + 1
        outside = (parsing.instance > 0) & (parsing.person != owner)
        people, areas = np.unique(owner[outside], return_counts=True)
        path = self._maps(sample)["person"]
        outsiders = (
            f"{path}: {area} pixels of the parts of person {person} lie outside that person"
            for person, area in zip(people, areas, strict=True)
        )
        return [*classes, *outsiders]

    def warnings(self) -> list[str]:
        """A missing part of the dataset, and the folders from which characteristics are read."""
        chosen = [
            f"{kind} maps are read from {self._folders[kind]}" for kind in self.characteristics
        ]
        return [*super().warnings(), *chosen]

    @property
    def _value_names(self) -> dict[str, tuple[Sequence[str], str]]:
        """Names of CIHP's values and of the characteristics."""
        further = {k: (config["names"], f"{k}.names") for k, config in self.characteristics.items()}
        return super()._value_names | further

    @cached_property
    def _folders(self) -> dict[str, str]:
        """CIHP's folders, and for each characteristic the first candidate present in all parts."""
        folders = dict(super()._folders)
        for kind, characteristic in self.characteristics.items():
            candidates = characteristic["folders"]
            parts = [self.root / part for part in self._parts]
            present = [n for n in candidates if all((part / n).is_dir() for part in parts)]
            if not present:
                inside = {file.name for part in parts for file in part.iterdir()}
                found = sorted(name for name in inside if not name.startswith("."))[:16]
                raise DataError(
                    f"{self.root}: no folder of {kind} maps: tried {', '.join(candidates)} in "
                    f"{' and '.join(self._parts)}; found {', '.join(found)}. Set it with "
                    f"dataset.{kind}.folders=[<folder>]"
                )
            folders[kind] = present[0]
        return folders


def _home(root: Path) -> Path:
    """Find the only folder that contains the parts, at most two levels down; else return `root`."""
    for prefix in ("", "*/", "*/*/"):
        found = {path.parents[1] for part in PARTS for path in root.glob(f"{prefix}{part}/Images")}
        if found:
            return found.pop() if len(found) == 1 else root
    return root


def cihp(*, root: str, names: Sequence[str]) -> CrowdParsing:
    """Build the reader of Crowd Instance-level Human Parsing.

    Args:
        root: folder with `Training/` and `Validation/`, or its parent.
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
    """Build the reader of Characterized CIHP.

    Args:
        root: folder with `Training/` and `Validation/`, or its parent.
        names: background and the 19 classes, in id order.
        size: folders and names of the size maps.
        pattern: folders and names of the pattern maps.
        color: folders and names of the color maps.
    """
    kinds = {"size": size, "pattern": pattern, "color": color}
    return CharacteristicParsing(Path(root), names, kinds)
