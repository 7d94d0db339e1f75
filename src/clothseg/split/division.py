"""Split of a dataset into training, validation and test part, and helpers of all strategies."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NotRequired

import numpy as np
from pydantic import AfterValidator, Field, with_config
from typing_extensions import TypedDict

from clothseg.error import DataError, abbreviate
from clothseg.files import write_json
from clothseg.json_file import KNOWN, Count, Ratio, read_json
from clothseg.split.grouping import sample_groups, size_warnings, stratified_sample

if TYPE_CHECKING:
    from clothseg.cache import Census

Fraction = Annotated[float, Field(gt=0, le=0.5)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Validation = Fraction | Literal["test"]
"""Fraction of the images outside the test part, or `test` for the protocol of the papers, which
selects the epoch on the test part."""

REMEDY = "restore it from a copy, or delete the run folder to train the run again"


def _require_three(groups: list[int]) -> list[int]:
    if len(groups) not in (0, 3):
        raise ValueError(f"must have 3 numbers, or none, not {len(groups)}")
    return groups


@with_config(KNOWN)
class SplitFile(TypedDict):
    """Content of `split.json`; those of earlier versions lack some keys."""

    train: list[str]
    validation: list[str]
    test: list[str]
    division: str
    deviation: Ratio
    held_out: NotRequired[list[str]]
    groups: NotRequired[Annotated[list[Count], AfterValidator(_require_three)]]
    warnings: NotRequired[list[str]]
    hash: str


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
        groups: number of images, groups of near-duplicates and images in the largest of them; empty
            if the split has no groups.
        warnings: properties of the split that were not asked for, one sentence each.
    """

    train: list[str]
    validation: list[str]
    test: list[str]
    division: str
    deviation: float
    held_out: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write the split as JSON, with a hash that reveals changes."""
        write_json(path, asdict(self) | {"hash": self.hash})

    @classmethod
    def read(cls, path: Path) -> "Split":
        """Read a frozen split.

        Raises:
            DataError: the file is missing, damaged, or was changed after it was written.
        """
        content = read_json(path, SplitFile, REMEDY)
        stored = content.pop("hash")
        split = cls(**content)
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
        text = (
            f"{len(self.train)} training, {len(self.validation)} validation, {len(self.test)} test "
            f"images; mean difference in class frequency {100 * self.deviation:.2f} points"
        )
        if self.groups:
            images, groups, largest = self.groups
            text += (
                f"; near-duplicates stay together: {images} images in {groups} groups, the largest "
                f"{largest}"
            )
        return text

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


def build_split(
    census: "Census",
    groups: np.ndarray,
    part: np.ndarray,
    test: np.ndarray,
    rest: np.ndarray,
    validation: Validation,
    seed: int,
    requested: float,
) -> Split:
    """Build the split for given test images and hold out validation images from the rest.

    Args:
        census: the samples with their classes and sources.
        groups: number of each image's group, int [N].
        part: number of each image's part in the partition of the dataset, int [N].
        test: test images, bool [N].
        rest: images for training and validation, bool [N].
        validation: fraction of the rest held out for validation, or `test`.
        seed: random seed of the validation part.
        requested: number of test images that was requested.
    """
    train, validated = rest, test
    sizes = {"test": (int(test.sum()), requested)}
    if validation != "test":
        indices = np.flatnonzero(rest)
        labels = stratification_labels(census)[indices]
        validated = np.zeros_like(test)
        validated[indices] = sample_groups(labels, groups[indices], validation, seed)
        train = rest & ~validated
        sizes["validation"] = int(validated.sum()), validation * len(indices)
    names = np.array(census.names)
    content = json.dumps([census.names, part.tolist()]).encode()
    used = test | rest
    return Split(
        train=names[train].tolist(),
        validation=names[validated].tolist(),
        test=names[test].tolist(),
        division=hashlib.blake2b(content, digest_size=8).hexdigest(),
        deviation=class_frequency_difference(census.presence[used], part[used]),
        groups=group_sizes(groups),
        warnings=size_warnings(sizes, groups, len(groups)),
    )


def group_sizes(groups: np.ndarray) -> list[int]:
    """Return the value of :attr:`Split.groups` for the number of each image's group, int [N]."""
    sizes = np.bincount(groups)
    return [len(groups), len(sizes), int(sizes.max())] if sizes.max() > 1 else []


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
