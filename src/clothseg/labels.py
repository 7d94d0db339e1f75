"""Label spaces: the evaluated classes, and the dataset's source names assigned to each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from clothseg.error import ConfigError

IGNORE = 255
"""Mask value of pixels that losses, metrics and statistics ignore."""

UNKNOWN = 254
"""Lookup-table value of ids that the dataset does not have; never occurs in a final mask."""

MAX_NAME = 100
"""Longest name of a class, characters; names are in tables, legends and file names."""


BACKGROUND_NAMES = frozenset({"background", "bg", "bk", "backdrop"})
"""Names of a background, in lower case."""

EMPTY_NAMES = frozenset({"void", "null", "none", "nothing", "unlabeled", "unlabelled", "empty"})
"""Names of a background in datasets that have no class of those names, in lower case."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class LabelSpace:
    """Classes of an experiment, as defined by a file in `conf/labels`.

    Args:
        name: name of the label space.
        names: class names in id order [K]; id 0 is the background.
        colors: one `#rrggbb` per class [K].
        gathers: source names assigned to each class.
        ignore: source names whose pixels become 255.
        flip_pairs: pairs of class names that are swapped by a horizontal flip.
        background_id: id of the background in mask files that are written; the other classes have
            the other ids in their order.

    Raises:
        ConfigError: the fields contradict each other; lists all contradictions.
    """

    name: str
    names: Sequence[str]
    colors: Sequence[str]
    gathers: Mapping[str, Sequence[str]]
    ignore: Sequence[str] = field(default_factory=tuple)
    flip_pairs: Sequence[Sequence[str]] = field(default_factory=tuple)
    background_id: int = 0

    def __post_init__(self) -> None:
        """Reject a label space that contradicts itself."""
        problems = label_problems(self)
        if problems:
            raise ConfigError(problems)

    def __len__(self) -> int:
        """Number of classes K, including the background."""
        return len(self.names)

    @property
    def palette(self) -> np.ndarray:
        """Colors uint8 [K,3], RGB."""
        values = [[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in self.colors]
        return np.array(values, np.uint8)

    @property
    def file_ids(self) -> np.ndarray:
        """Table uint8 [256] from each class id to its id in mask files; 255 stays 255."""
        return file_ids(len(self), self.background_id)

    @property
    def flip_table(self) -> np.ndarray:
        """Table uint8 [256] from each class id to its class id after a horizontal flip.

        Left and right are from the person's point of view, so a flipped left arm is a right arm.
        """
        table = np.arange(256, dtype=np.uint8)
        for left, right in self.flip_pairs:
            pair = [self.names.index(left), self.names.index(right)]
            table[pair] = pair[::-1]
        return table

    def lookup_table(self, source_names: Sequence[str]) -> np.ndarray:
        """Build the table uint8 [256] from source to class ids; 255 stays 255, the rest is UNKNOWN.

        Args:
            source_names: names of the dataset in id order.

        Raises:
            ConfigError: source names that no class gathers; lists all of them.
        """
        target = {
            source: self.names.index(name)
            for name, group in self.gathers.items()
            for source in group
        }
        target |= dict.fromkeys(self.ignore, IGNORE)
        missing = [name for name in source_names if name not in target]
        if missing:
            raise ConfigError(
                [
                    f"labels={self.name} does not assign {len(missing)} of the dataset's names: "
                    f"{', '.join(missing)}; add them to `gathers` or `ignore`"
                ]
            )
        table = np.full(256, UNKNOWN, np.uint8)
        table[: len(source_names)] = [target[name] for name in source_names]
        table[IGNORE] = IGNORE
        return table


def later_background(names: Sequence[str]) -> str | None:
    """Return a name that is rather that of the background than the first one is; None if none is.

    Args:
        names: class names, of which the first is taken for the background.
    """
    first, *others = map(background_likeness, names)
    if max(others, default=0) <= first:
        return None
    return names[1 + others.index(max(others))]


def background_likeness(name: str) -> int:
    """Rate a name from 0 for that of any class to 2 for that of a background."""
    lower = name.strip().lower()
    return 2 * (lower in BACKGROUND_NAMES) + (lower in EMPTY_NAMES)


def with_background_first(values: Sequence[Value], background_id: int) -> list[Value]:
    """Move the value of the background to the front of values in the order of ids in files."""
    others = [value for id, value in enumerate(values) if id != background_id]
    return [values[background_id], *others]


def file_ids(classes: int, background_id: int) -> np.ndarray:
    """Build the table uint8 [256] from class ids, of which 0 is the background, to ids in files.

    Args:
        classes: number of classes; all other values stay as they are.
        background_id: id of the background in mask files.
    """
    table = np.arange(256, dtype=np.uint8)
    table[:classes] = with_background_first(range(classes), background_id)
    return table


def class_ids(classes: int, background_id: int) -> np.ndarray:
    """Build the table uint8 [256] from ids in files to class ids, the inverse of `file_ids`."""
    return np.argsort(file_ids(classes, background_id)).astype(np.uint8)


def source_names(dataset: Mapping[str, Any]) -> list[str]:
    """Return the label names in a dataset's configuration, and the union over its sources."""
    sources = dataset.get("sources")
    parts = sources.values() if isinstance(sources, Mapping) else ()
    names = [name for part in parts for name in source_names(part)]
    return list(dict.fromkeys([*(dataset.get("names") or []), *names]))


def label_problems(space: LabelSpace) -> list[str]:
    """List the contradictions within a label space, one sentence each."""
    location = f"labels={space.name}"
    problems = []
    if len(space.names) < 2 or len(space.names) > UNKNOWN:
        problems.append(f"{location}: {len(space.names)} names; 2 to {UNKNOWN} classes are allowed")
    if long := [name for name in (*space.names, *_sources(space)) if len(name) > MAX_NAME]:
        shown = f"{long[0][:MAX_NAME]} …"
        return [f"{location}: name {shown} has {len(long[0])} characters; at most {MAX_NAME}"]
    if len(space.colors) != len(space.names):
        problems.append(f"{location}: {len(space.colors)} colors for {len(space.names)} names")
    for kind, names in (("names", space.names), ("sources", _sources(space))):
        repeated = sorted({name for name in names if list(names).count(name) > 1})
        if repeated:
            problems.append(f"{location}: {kind} listed twice: {', '.join(repeated)}")
    if not 0 <= space.background_id < max(1, len(space.names)):
        problems.append(f"{location}: background_id={space.background_id} is not the id of a class")
    unknown = [k for k in space.gathers if k not in space.names]
    unknown += [k for pair in space.flip_pairs for k in pair if k not in space.names]
    if unknown:
        problems.append(f"{location}: not among its names: {', '.join(unknown)}")
    return problems


def _sources(space: LabelSpace) -> list[str]:
    return [source for group in space.gathers.values() for source in group] + list(space.ignore)
