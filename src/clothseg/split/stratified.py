"""Splits stratified by class and, for merged datasets, by source."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from clothseg.dataset.near_duplicates import near_duplicate_groups
from clothseg.split.division import (
    Fraction,
    Seed,
    Split,
    Validation,
    any_per_group,
    build_split,
    require_groups,
    stratification_labels,
    stratified_sample,
)

if TYPE_CHECKING:
    from clothseg.cache import Cache


def kfold(
    cache: "Cache",
    *,
    folds: Annotated[int, Field(ge=2, le=100)],
    fold: Annotated[int, Field(ge=0)],
    validation: Validation,
    seed: Seed,
    held_out: Annotated[float, Field(ge=0, le=0.5)] = 0.0,
) -> Split:
    """One fold of a multilabel-stratified k-fold cross-validation.

    Args:
        cache: the samples with their classes, sources and hashes.
        folds: number of folds.
        fold: index of the test fold, starting at 0.
        validation: fraction of the training part held out for validation, or `test` for the
            protocol of the papers, which selects the epoch on the test fold.
        seed: random seed of the split.
        held_out: fraction of the images excluded from all folds, for evaluating an ensemble of the
            folds.

    Raises:
        ConfigError: there are too few distinct images.

    Source: Sechidis, Tsoumakas and Vlahavas, On the stratification of multi-label data, 2011.
    """
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

    groups = near_duplicate_groups(cache.hashes)
    require_groups(groups, folds)
    presence = any_per_group(stratification_labels(cache), groups)
    used = np.ones(len(presence), bool)
    if held_out:
        used = ~stratified_sample(presence, held_out, seed)
    stratifier = MultilabelStratifiedKFold(folds, shuffle=True, random_state=seed)
    part = np.full(len(presence), -1)
    used_groups = np.flatnonzero(used)
    for number, (_, test) in enumerate(stratifier.split(presence[used], presence[used])):
        part[used_groups[test]] = number
    part = part[groups]
    tested = part == fold
    split = build_split(cache, groups, part, tested, (part >= 0) & ~tested, validation, seed)
    names = np.array(cache.names)
    return replace(split, held_out=names[part < 0].tolist())


def holdout(cache: "Cache", *, test: Fraction, validation: Validation, seed: Seed) -> Split:
    """Single stratified split into training and test part.

    Args:
        cache: the samples with their classes, sources and hashes.
        test: fraction of the images in the test part.
        validation: as in :func:`kfold`.
        seed: random seed of the split.

    Raises:
        ConfigError: there are too few distinct images.
    """
    groups = near_duplicate_groups(cache.hashes)
    require_groups(groups, 2)
    presence = any_per_group(stratification_labels(cache), groups)
    tested = stratified_sample(presence, test, seed)[groups]
    return build_split(cache, groups, tested.astype(int), tested, ~tested, validation, seed)
