"""Training, validation and test parts: stratified, with look-alike photos kept together.

The libraries that divide and group are imported where they are used, because they take seconds.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from clothseg.error import ConfigError, DataError

if TYPE_CHECKING:
    from clothseg.cache import Cache

NEAR_DUPLICATE_BITS = 8
"""Photos whose 64-bit perceptual hashes differ in at most so many bits stay in one part; on CCP
this finds the five real pairs, and 10 bits a false one."""

Fraction = Annotated[float, Field(gt=0, le=0.5)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


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
            share in the dataset|, test parts only.
    """

    train: list[str]
    validation: list[str]
    test: list[str]
    division: str
    deviation: float

    def write(self, path: Path) -> None:
        """Freeze the split as JSON."""
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(self) | {"hash": self.hash}, indent=1))
        temporary.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Split":
        """Read a frozen split.

        Raises:
            DataError: the file was changed since it was written.
        """
        content = json.loads(path.read_text())
        stored = content.pop("hash")
        split = cls(**content)
        if split.hash != stored:
            raise DataError(f"{path}: the frozen split was changed by hand; its hash does not fit")
        return split

    @property
    def summary(self) -> str:
        """Sizes of the parts and quality of the division, for people."""
        return (
            f"{len(self.train)} training, {len(self.validation)} validation, {len(self.test)} test "
            f"photos; class shares of the parts deviate by {100 * self.deviation:.2f} points"
        )

    @property
    def hash(self) -> str:
        """Hash of the names of all three parts, in order."""
        parts = json.dumps([self.train, self.validation, self.test])
        return hashlib.blake2b(parts.encode(), digest_size=8).hexdigest()


def kfold(
    cache: "Cache",
    *,
    folds: Annotated[int, Field(ge=2, le=100)],
    fold: Annotated[int, Field(ge=0)],
    validation: Fraction | Literal["test"],
    seed: Seed,
) -> Split:
    """One fold of a multilabel-stratified k-fold cross-validation.

    Args:
        cache: the samples with their classes and hashes.
        folds: number of folds.
        fold: the fold that is tested, counted from 0.
        validation: share of the training part that is carved off for validation, or `test` for the
            papers' own protocol, which chooses the epoch on the test fold.
        seed: seed of the division.

    Source: Sechidis, Tsoumakas and Vlahavas, On the stratification of multi-label data, 2011.
    """
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

    units = near_duplicate_groups(cache.hashes)
    _require_units(units, folds)
    presence = _presence_of_units(cache.presence, units)
    stratifier = MultilabelStratifiedKFold(folds, shuffle=True, random_state=seed)
    part = np.empty(len(presence), int)
    for number, (_, test) in enumerate(stratifier.split(presence, presence)):
        part[test] = number
    return _split(cache, units, part, fold, validation, seed)


def holdout(
    cache: "Cache", *, test: Fraction, validation: Fraction | Literal["test"], seed: Seed
) -> Split:
    """One stratified division into training and test.

    Args:
        cache: the samples with their classes and hashes.
        test: share of the photos that is tested.
        validation: as in :func:`kfold`.
        seed: seed of the division.
    """
    units = near_duplicate_groups(cache.hashes)
    _require_units(units, 2)
    part = _carve(_presence_of_units(cache.presence, units), test, seed).astype(int)
    return _split(cache, units, part, 1, validation, seed)


def near_duplicate_groups(hashes: np.ndarray) -> np.ndarray:
    """Number of the group of look-alikes of each photo, int [N]; most groups have one photo.

    Args:
        hashes: perceptual hashes uint64 [N].
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second = near_duplicate_pairs(hashes)
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(len(hashes),) * 2)
    return connected_components(graph, directed=False)[1]


def near_duplicate_pairs(hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of all pairs of look-alikes, first < second, both int [P].

    Args:
        hashes: perceptual hashes uint64 [N].
    """
    found = []
    for index, value in enumerate(hashes):
        distances = np.bitwise_count(hashes[index + 1 :] ^ value)
        near = index + 1 + np.flatnonzero(distances <= NEAR_DUPLICATE_BITS)
        found.append(np.stack([np.full(len(near), index), near]))
    first, second = np.concatenate([np.empty((2, 0), int), *found], axis=1)
    return first, second


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


def _split(
    cache: "Cache",
    units: np.ndarray,
    part: np.ndarray,
    chosen: int,
    validation: float | Literal["test"],
    seed: int,
) -> Split:
    """Names of the three parts when the units of part `chosen` are tested."""
    names = np.array(cache.names)
    photo_part = part[units]
    test = photo_part == chosen
    if validation == "test":
        held, train = test, ~test
    else:
        rest = np.flatnonzero(part != chosen)
        inner = np.zeros(len(part), bool)
        inner[rest] = _carve(_presence_of_units(cache.presence, units)[rest], validation, seed)
        held = inner[units]
        train = ~test & ~held
    division = hashlib.blake2b(
        json.dumps([cache.names, photo_part.tolist()]).encode(), digest_size=8
    )
    tested = photo_part if len(np.unique(photo_part)) > 2 else np.where(test, 1, 0)
    return Split(
        names[train].tolist(),
        names[held].tolist(),
        names[test].tolist(),
        division.hexdigest(),
        share_deviation(cache.presence, tested),
    )


def _carve(presence: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Mask bool [U] of a stratified part of about `share` of the units."""
    from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit

    chosen = np.zeros(len(presence), bool)
    splitter = MultilabelStratifiedShuffleSplit(n_splits=1, test_size=share, random_state=seed)
    chosen[next(splitter.split(presence, presence))[1]] = True
    return chosen


def _presence_of_units(presence: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Classes of each group of look-alikes: the union of its photos', bool [U,K]."""
    united = np.zeros((units.max() + 1, presence.shape[1]), bool)
    np.logical_or.at(united, units, presence)
    return united


def _require_units(units: np.ndarray, parts: int) -> None:
    count = int(units.max()) + 1
    if count < 2 * parts:
        raise ConfigError(
            [f"{count} different photos cannot be divided into {parts} parts with 2 photos each"]
        )
