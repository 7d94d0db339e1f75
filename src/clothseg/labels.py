"""Label spaces: the classes that are scored, and which source names of a dataset fall into each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clothseg.error import ConfigError

IGNORE = 255
"""Mask value of pixels that count nowhere: not in losses, not in metrics, not in statistics."""

UNKNOWN = 254
"""Value of a lookup table for ids that the dataset does not have; never in a finished mask."""


@dataclass(frozen=True)
class LabelSpace:
    """The classes of an experiment, as one file of `conf/labels` states them.

    Args:
        name: name of the label space.
        names: class names in id order [K]; id 0 is the background.
        colors: one `#rrggbb` per class [K].
        gathers: for each class, the source names whose pixels it takes.
        ignore: source names whose pixels become 255.
        flip_pairs: pairs of class names that trade places when a photo is mirrored.

    Raises:
        ConfigError: the parts contradict each other; every contradiction is listed.
    """

    name: str
    names: Sequence[str]
    colors: Sequence[str]
    gathers: Mapping[str, Sequence[str]]
    ignore: Sequence[str] = field(default_factory=tuple)
    flip_pairs: Sequence[Sequence[str]] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        """Refuse a label space that contradicts itself."""
        problems = label_problems(self)
        if problems:
            raise ConfigError(problems)

    def __len__(self) -> int:
        """Number of classes K, the background included."""
        return len(self.names)

    @property
    def palette(self) -> np.ndarray:
        """Colours uint8 [K,3], RGB."""
        values = [[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in self.colors]
        return np.array(values, np.uint8)

    @property
    def flip_table(self) -> np.ndarray:
        """Table uint8 [256] of the class that each class id is in a mirror.

        Left and right are a person's own sides, so that a mirrored left arm is a right arm.
        """
        table = np.arange(256, dtype=np.uint8)
        for left, right in self.flip_pairs:
            pair = [self.names.index(left), self.names.index(right)]
            table[pair] = pair[::-1]
        return table

    def lookup_table(self, source_names: Sequence[str]) -> np.ndarray:
        """Table uint8 [256] from source ids to class ids; 255 stays 255, other ids are UNKNOWN.

        Args:
            source_names: names of the dataset in id order.

        Raises:
            ConfigError: a source name that no class gathers, with the whole list.
        """
        target = {
            source: self.names.index(k) for k, group in self.gathers.items() for source in group
        }
        target |= dict.fromkeys(self.ignore, IGNORE)
        missing = [name for name in source_names if name not in target]
        if missing:
            raise ConfigError(
                [
                    f"labels={self.name} has no place for {len(missing)} of the dataset's names: "
                    f"{', '.join(missing)}; add them to `gathers` or `ignore`"
                ]
            )
        table = np.full(256, UNKNOWN, np.uint8)
        table[: len(source_names)] = [target[name] for name in source_names]
        table[IGNORE] = IGNORE
        return table


def source_names(dataset: Mapping[str, Any]) -> list[str]:
    """Native label names of a dataset's configuration; those of all its sources, each once."""
    sources = dataset.get("sources")
    parts = sources.values() if isinstance(sources, Mapping) else ()
    names = [name for part in parts for name in source_names(part)]
    return list(dict.fromkeys([*(dataset.get("names") or []), *names]))


def label_problems(space: LabelSpace) -> list[str]:
    """Every contradiction inside a label space, one sentence each."""
    where = f"labels={space.name}"
    problems = []
    if len(space.names) < 2 or len(space.names) > UNKNOWN:
        problems.append(f"{where}: {len(space.names)} names; 2 to {UNKNOWN} classes are possible")
    if len(space.colors) != len(space.names):
        problems.append(f"{where}: {len(space.colors)} colors for {len(space.names)} names")
    for kind, names in (("names", space.names), ("sources", _sources(space))):
        twice = sorted({name for name in names if list(names).count(name) > 1})
        if twice:
            problems.append(f"{where}: {kind} listed twice: {', '.join(twice)}")
    strangers = [k for k in space.gathers if k not in space.names]
    strangers += [k for pair in space.flip_pairs for k in pair if k not in space.names]
    if strangers:
        problems.append(f"{where}: not one of its names: {', '.join(strangers)}")
    return problems


def _sources(space: LabelSpace) -> list[str]:
    return [source for group in space.gathers.values() for source in group] + list(space.ignore)
