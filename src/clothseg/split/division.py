"""Split of a dataset into training, validation and test part, and helpers of all strategies."""

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
    from clothseg.cache import Census

Fraction = Annotated[float, Field(gt=0, le=0.5)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Validation = Fraction | Literal["test"]
"""Fraction of the images outside the test part, or `test` for the protocol of the papers, which
selects the epoch on the test part."""


@dataclass(frozen=True)
class Split:
    """Sample names of one run, and properties of the partition of the dataset it belongs to.

    Args:
        train: training samples.
        validation: samples for selecting the epoch and for schedules; disjoint from `test` unless
            the protocol of the papers is used.
        test: samples that are evaluated once, at the end.
        division: hash of the partition of the dataset; equal for all folds of a cross-validation.
        deviation: mean over parts and classes of |fraction of images with the class in the part -
            fraction in the dataset|.
        held_out: samples that no fold uses for training, validation or testing.
    """

    train: list[str]
    validation: list[str]
    test: list[str]
    division: str
    deviation: float
    held_out: list[str] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write the split as JSON, with a hash that reveals changes."""
        write_json(path, asdict(self) | {"hash": self.hash})

    @classmethod
    def read(cls, path: Path) -> "Split":
        """Read a frozen split.

        Raises:
            DataError: the file is missing, damaged, or was changed after it was written.
        """
        try:
            content = json.loads(path.read_text())
            stored = content.pop("hash")
            split = cls(**content)
        except (
            OSError,
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            RecursionError,
        ) as error:
            raise DataError(f"{path}: the frozen split cannot be read ({error})") from error
        if split.hash != stored:
            raise DataError(
                f"{path}: the frozen split was changed by hand; its hash does not match"
            )
        return split

    def require(self, names: Sequence[str]) -> None:
        """Require all images of the split in a dataset.

        Args:
            names: names of the dataset's images.

        Raises:
            DataError: images are missing; lists some of them.
        """
        missing = sorted(self.names.difference(names))
        if missing:
            raise DataError(
                f"the dataset lacks {len(missing)} images of the run's split: "
                f"{abbreviate(missing)}; pass the folder of the dataset that the run was trained on"
            )

    @property
    def names(self) -> set[str]:
        """Names of the samples in any part."""
        return {*self.train, *self.validation, *self.test, *self.held_out}

    @property
    def summary(self) -> str:
        """Sizes of the parts and quality of the stratification, for the console."""
        return (
            f"{len(self.train)} training, {len(self.validation)} validation, {len(self.test)} test "
            f"images; mean difference in class frequency {100 * self.deviation:.2f} points"
        )

    @property
    def hash(self) -> str:
        """Hash of the names of all parts, in order."""
        parts = [self.train, self.validation, self.test]
        parts += [self.held_out] if self.held_out else []  # older splits have no held-out part
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()


def missing_classes(census: "Census", split: Split, names: list[str]) -> list[str]:
    """Return the names of classes in the dataset that are absent from the training part."""
    train = np.isin(census.names, split.train)
    missing = census.presence.any(0) & ~census.presence[train].any(0)
    return [names[k] for k in np.flatnonzero(missing)]


def ignored_parts(census: "Census", split: Split) -> list[str]:
    """Describe the parts of a split without a single pixel that can be learned or scored."""
    labeled = set(np.array(census.names)[census.presence.any(1)].tolist())
    parts = {"training": split.train, "validation": split.validation, "test": split.test}
    return [
        f"all pixels of its {len(names)} {part} images are ignored; label some of them, or choose "
        "other images with split.fold or split.seed"
        for part, names in parts.items()
        if names and not labeled.intersection(names)
    ]


def class_frequency_difference(presence: np.ndarray, part: np.ndarray) -> float:
    """Compute the mean over parts and classes of the absolute difference in class frequency.

    The frequency of a class is the fraction of images with it; a part is compared to all images.

    Args:
        presence: bool [N,K]; classes that all images or no images have are excluded.
        part: number of each image's part, int [N].
    """
    varying = presence[:, presence.any(0) & ~presence.all(0)]
    if not varying.size:
        return 0.0
    frequencies = np.array([varying[part == number].mean(0) for number in np.unique(part)])
    return float(np.abs(frequencies - varying.mean(0)).mean())


def stratification_labels(census: "Census") -> np.ndarray:
    """Return the labels to stratify by, bool [N,S]: classes and, if several, source datasets."""
    sources = np.unique(census.sources)
    if len(sources) < 2:
        return census.presence
    return np.hstack([census.presence, census.sources[:, None] == sources])


def any_per_group(presence: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Combine the labels of the images of each group by logical or: bool [N,S] to bool [G,S]."""
    combined = np.zeros((groups.max() + 1, presence.shape[1]), bool)
    np.logical_or.at(combined, groups, presence)
    return combined


def stratified_sample(presence: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Sample about `fraction` of the groups, stratified; returns a mask bool [G].

    Args:
        presence: labels of the groups, bool [G,S].
        fraction: fraction of the groups, (0, 1).
        seed: random seed.
    """
    from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit

    chosen = np.zeros(len(presence), bool)
    splitter = MultilabelStratifiedShuffleSplit(n_splits=1, test_size=fraction, random_state=seed)
    chosen[next(splitter.split(presence, presence))[1]] = True
    return chosen


def build_split(
    census: "Census",
    groups: np.ndarray,
    part: np.ndarray,
    test: np.ndarray,
    rest: np.ndarray,
    validation: Validation,
    seed: int,
) -> Split:
    """Build the split for given test images and hold out validation images from the rest.

    Args:
        census: the samples with their classes and sources.
        groups: number of each image's near-duplicate group, int [N].
        part: number of each image's part in the partition of the dataset, int [N].
        test: test images, bool [N].
        rest: images for training and validation, bool [N].
        validation: fraction of the rest held out for validation, or `test`.
        seed: random seed of the validation part.
    """
    train, validated = rest, test
    if validation != "test":
        indices = np.flatnonzero(rest)
        group = np.unique(groups[indices], return_inverse=True)[1]
        presence = any_per_group(stratification_labels(census)[indices], group)
        validated = np.zeros_like(test)
        validated[indices] = stratified_sample(presence, validation, seed)[group]
        train = rest & ~validated
    names = np.array(census.names)
    content = json.dumps([census.names, part.tolist()]).encode()
    used = test | rest
    return Split(
        train=names[train].tolist(),
        validation=names[validated].tolist(),
        test=names[test].tolist(),
        division=hashlib.blake2b(content, digest_size=8).hexdigest(),
        deviation=class_frequency_difference(census.presence[used], part[used]),
    )


def limit_split(split: Split, census: "Census", images: int, seed: int) -> Split:
    """Reduce a split to a number of training images, and its other parts by the same factor.

    `division` and `deviation` still describe the full dataset.

    Args:
        split: the full split.
        census: the samples with their classes and sources.
        images: largest number of training images; every part keeps at least one image.
        seed: random seed of the stratified subset.
    """
    fraction = images / len(split.train)
    if fraction >= 1:
        return split
    labels = stratification_labels(census)

    def reduce(names: list[str]) -> list[str]:
        limit = max(min(1, len(names)), round(fraction * len(names)))
        if limit < 2 or len(names) - limit < 2:
            return names[:limit]
        indices = [census.index_of[name] for name in names]
        chosen = np.flatnonzero(stratified_sample(labels[indices], limit / len(names), seed))
        if len(chosen) > limit:  # stratified sampling meets the size only approximately
            random = np.random.default_rng(seed)
            chosen = np.sort(random.choice(chosen, limit, replace=False))
        return [names[index] for index in chosen]

    parts = split.train, split.validation, split.test, split.held_out
    train, validation, test, held_out = map(reduce, parts)
    return replace(split, train=train, validation=validation, test=test, held_out=held_out)


def require_groups(groups: np.ndarray, parts: int) -> None:
    """Require at least two near-duplicate groups per part.

    Raises:
        ConfigError: there are fewer than two distinct images per part.
    """
    count = int(groups.max()) + 1
    if count < 2 * parts:
        raise ConfigError(
            [f"{count} distinct images cannot be split into {parts} parts of at least 2 images"]
        )
