"""What a division of a dataset into training, validation and test is, and what all kinds share."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from clothseg.dataset.listing import abbreviate
from clothseg.error import ConfigError, DataError
from clothseg.files import write_json

if TYPE_CHECKING:
    from clothseg.cache import Cache

Fraction = Annotated[float, Field(gt=0, le=0.5)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Validation = Fraction | Literal["test"]
"""Shard of the photos that are not tested, or the papers' own protocol, which chooses the epoch on
the test part."""


@dataclass(frozen=True)
class Split:
    """The samples of one run, by name, and what the whole division of the dataset looks like.

    Args:
        train: samples that are trained on.
        validation: samples that choose the epoch and drive schedules; disjoint from `test` unless
            the papers' own protocol was asked for.
        test: samples that are scored once, at the end.
        division: hash of the division of the dataset that this split is one view of; equal for
            all folds of one cross-validation.
        deviation: mean over parts and classes of |share of photos with the class in the part -
            share in the dataset|.
        held_out: samples that no fold trains on, validates or tests.
    """

    train: list[str]
    validation: list[str]
    test: list[str]
    division: str
    deviation: float
    held_out: list[str] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Freeze the split as JSON."""
        write_json(path, asdict(self) | {"hash": self.hash})

    @classmethod
    def read(cls, path: Path) -> "Split":
        """Read a frozen split.

        Raises:
            DataError: the file is missing or damaged, or was changed since it was written.
        """
        try:
            content = json.loads(path.read_text())
            stored = content.pop("hash")
            split = cls(**content)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(f"{path}: the frozen split cannot be read ({error})") from error
        if split.hash != stored:
            raise DataError(f"{path}: the frozen split was changed by hand; its hash does not fit")
        return split

    def require(self, names: Sequence[str]) -> None:
        """Fail when a dataset lacks photos of the split.

        Args:
            names: of its photos.

        Raises:
            DataError: names some of those that are missing.
        """
        wanted = [*self.train, *self.validation, *self.test, *self.held_out]
        missing = sorted(set(wanted).difference(names))
        if missing:
            raise DataError(
                f"the dataset lacks {len(missing)} photos that the run was divided with: "
                f"{abbreviate(missing)}; name the folder of the very same dataset"
            )

    @property
    def summary(self) -> str:
        """Sizes of the parts and quality of the division, for people."""
        return (
            f"{len(self.train)} training, {len(self.validation)} validation, {len(self.test)} test "
            f"photos; class shares of the parts deviate by {100 * self.deviation:.2f} points"
        )

    @property
    def hash(self) -> str:
        """Hash of the names of all parts, in order."""
        parts = [self.train, self.validation, self.test]
        parts += [self.held_out] if self.held_out else []  # which splits of old do not know
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()


def missing_classes(cache: "Cache", split: Split, names: list[str]) -> list[str]:
    """Names of classes that the dataset has and the training part has not."""
    train = np.isin(cache.names, split.train)
    lost = cache.presence.any(0) & ~cache.presence[train].any(0)
    return [names[k] for k in np.flatnonzero(lost)]


def share_deviation(presence: np.ndarray, part: np.ndarray) -> float:
    """Mean over parts and classes of |share of photos with the class in the part - in all photos|.

    Args:
        presence: bool [N,K]; classes that every or no photo has are left out.
        part: number of each photo's part, int [N].
    """
    some = presence[:, presence.any(0) & ~presence.all(0)]
    if not some.size:
        return 0.0
    shares = np.array([some[part == number].mean(0) for number in np.unique(part)])
    return float(np.abs(shares - some.mean(0)).mean())


def strata(cache: "Cache") -> np.ndarray:
    """What stratification balances, bool [N,S]: classes, and of merged datasets the sources too."""
    sources = np.unique(cache.sources)
    if len(sources) < 2:
        return cache.presence
    return np.hstack([cache.presence, cache.sources[:, None] == sources])


def of_groups(presence: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """What the photos of each group have, taken together: bool [N,S] to bool [G,S]."""
    united = np.zeros((groups.max() + 1, presence.shape[1]), bool)
    np.logical_or.at(united, groups, presence)
    return united


def carve(presence: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Mask bool [G] of a stratified part of about `share` of the groups.

    Args:
        presence: what the groups have, bool [G,S].
        share: of the groups, (0, 1).
        seed: seed of the division.
    """
    from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit

    chosen = np.zeros(len(presence), bool)
    splitter = MultilabelStratifiedShuffleSplit(n_splits=1, test_size=share, random_state=seed)
    chosen[next(splitter.split(presence, presence))[1]] = True
    return chosen


def divided(
    cache: "Cache",
    groups: np.ndarray,
    part: np.ndarray,
    test: np.ndarray,
    rest: np.ndarray,
    validation: Validation,
    seed: int,
) -> Split:
    """The split that one view of a division gives, with validation carved off.

    Args:
        cache: the samples with their classes and sources.
        groups: number of each photo's group of look-alikes, int [N].
        part: number of each photo's part in the division, int [N].
        test: the photos that are tested, bool [N].
        rest: the photos that are trained on and validated, bool [N].
        validation: share of the rest that is carved off, or `test`.
        seed: seed of the carving.
    """
    train, held = rest, test
    if validation != "test":
        places = np.flatnonzero(rest)
        group = np.unique(groups[places], return_inverse=True)[1]
        chosen = carve(of_groups(strata(cache)[places], group), validation, seed)
        held = np.zeros_like(test)
        held[places] = chosen[group]
        train = rest & ~held
    names = np.array(cache.names)
    content = json.dumps([cache.names, part.tolist()]).encode()
    used = test | rest
    return Split(
        train=names[train].tolist(),
        validation=names[held].tolist(),
        test=names[test].tolist(),
        division=hashlib.blake2b(content, digest_size=8).hexdigest(),
        deviation=share_deviation(cache.presence[used], part[used]),
    )


def limited(split: Split, cache: "Cache", photos: int, seed: int) -> Split:
    """A split with fewer photos: so many for training, and as large a share of the other parts.

    What is told about the division stays that of all photos.

    Args:
        split: whole parts.
        cache: the samples with their classes and sources.
        photos: most training photos; of every part at least one stays.
        seed: seed of the choice, which keeps the shares of the classes.
    """
    share = photos / len(split.train)
    if share >= 1:
        return split
    balanced = strata(cache)

    def fewer(names: list[str]) -> list[str]:
        wanted = max(min(1, len(names)), round(share * len(names)))
        if wanted < 2 or len(names) - wanted < 2:
            return names[:wanted]
        chosen = carve(
            balanced[[cache.index_of[name] for name in names]], wanted / len(names), seed
        )
        places = np.flatnonzero(chosen)
        if len(places) > wanted:  # which carving meets only approximately
            random = np.random.default_rng(seed)
            places = np.sort(random.choice(places, wanted, replace=False))
        return [names[place] for place in places]

    parts = split.train, split.validation, split.test, split.held_out
    train, validation, test, held_out = map(fewer, parts)
    return replace(split, train=train, validation=validation, test=test, held_out=held_out)


def require_groups(groups: np.ndarray, parts: int) -> None:
    """Refuse to divide too few photos.

    Raises:
        ConfigError: there are not two different photos for each part.
    """
    count = int(groups.max()) + 1
    if count < 2 * parts:
        raise ConfigError(
            [f"{count} different photos cannot be divided into {parts} parts with 2 photos each"]
        )
