"""Splits stratified by class and, for merged datasets, by source."""

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from clothseg.split.division import (
    Fraction,
    Seed,
    Split,
    Validation,
    build_split,
    stratification_labels,
)
from clothseg.split.grouping import (
    any_per_group,
    balance,
    image_groups,
    require_groups,
    sample_groups,
)

if TYPE_CHECKING:
    from clothseg.cache import Census


def kfold(
    census: "Census",
    *,
    folds: Annotated[int, Field(ge=2, le=100)],
    fold: Annotated[int, Field(ge=0)],
    validation: Validation,
    seed: Seed,
    held_out: Annotated[float, Field(ge=0, le=0.5)] = 0.0,
    group_near_duplicates: bool = True,
) -> Split:
    """One fold of a multilabel-stratified k-fold cross-validation.

    Args:
        census: the samples with their classes, sources and hashes.
        folds: number of folds.
        fold: index of the test fold, starting at 0.
        validation: fraction of the training part held out for validation, or `test` for the
            protocol of the papers, which selects the epoch on the test fold.
        seed: random seed of the split.
        held_out: fraction of the images excluded from all folds, for evaluating an ensemble of the
            folds.
        group_near_duplicates: True to keep near-duplicates in the same part.

    Raises:
        ConfigError: there are too few distinct images.

    Source: Sechidis, Tsoumakas and Vlahavas, On the stratification of multi-label data, 2011.
    """
    part = _assign_folds(census, folds, seed, held_out, group_near_duplicates)
    groups = image_groups(census, group_near_duplicates)
    tested = part == fold
    rest = (part >= 0) & ~tested
    requested = np.count_nonzero(part >= 0) / folds
    split = build_split(census, groups, part, tested, rest, validation, seed, requested)
    names = np.array(census.names)
    return replace(split, held_out=names[part < 0].tolist())


@lru_cache(maxsize=4)  # the folds of a sweep are computed one after the other
def _assign_folds(
    census: "Census", folds: int, seed: int, held_out: float, together: bool
) -> np.ndarray:
    """Assign each image to the fold that tests it, int [N]; -1 if it is held out."""
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

    groups, labels = image_groups(census, together), stratification_labels(census)
    require_groups(groups, folds)
    used = np.ones(len(groups), bool)
    if held_out:
        used = ~sample_groups(labels, groups, held_out, seed)
    used_groups = np.unique(groups[used], return_inverse=True)[1]
    presence = any_per_group(labels[used], used_groups)
    stratifier = MultilabelStratifiedKFold(folds, shuffle=True, random_state=seed)
    fold = np.empty(len(presence), int)
    for number, (_, test) in enumerate(stratifier.split(presence, presence)):
        fold[test] = number
    part = np.full(len(groups), -1)
    part[used] = balance(fold, labels[used], used_groups, [1 / folds] * folds)
    return part


def holdout(
    census: "Census",
    *,
    test: Fraction,
    validation: Validation,
    seed: Seed,
    group_near_duplicates: bool = True,
) -> Split:
    """Single stratified split into training and test part.

    Args:
        census: the samples with their classes, sources and hashes.
        test: fraction of the images in the test part.
        validation: as in :func:`kfold`.
        seed: random seed of the split.
        group_near_duplicates: as in :func:`kfold`.

    Raises:
        ConfigError: there are too few distinct images.
    """
    groups = image_groups(census, group_near_duplicates)
    require_groups(groups, 2)
    tested = sample_groups(stratification_labels(census), groups, test, seed)
    part, requested = tested.astype(int), test * len(groups)
    return build_split(census, groups, part, tested, ~tested, validation, seed, requested)
