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
    any_per_group,
    build_split,
    require_groups,
    stratification_labels,
    stratified_sample,
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

    Raises:
        ConfigError: there are too few distinct images.

    Source: Sechidis, Tsoumakas and Vlahavas, On the stratification of multi-label data, 2011.
    """
    part = _assign_folds(census, folds, seed, held_out)
    tested = part == fold
    rest = (part >= 0) & ~tested
    split = build_split(census, census.groups, part, tested, rest, validation, seed)
    names = np.array(census.names)
    return replace(split, held_out=names[part < 0].tolist())


@lru_cache(maxsize=4)  # the folds of a sweep are computed one after the other
def _assign_folds(census: "Census", folds: int, seed: int, held_out: float) -> np.ndarray:
    """Assign each image to the fold that tests it, int [N]; -1 if it is held out."""
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

    groups = census.groups
    require_groups(groups, folds)
    presence = any_per_group(stratification_labels(census), groups)
    used = np.ones(len(presence), bool)
    if held_out:
        used = ~stratified_sample(presence, held_out, seed)
    stratifier = MultilabelStratifiedKFold(folds, shuffle=True, random_state=seed)
    part = np.full(len(presence), -1)
    used_groups = np.flatnonzero(used)
    for number, (_, test) in enumerate(stratifier.split(presence[used], presence[used])):
        part[used_groups[test]] = number
    return np.asarray(part[groups])


def holdout(census: "Census", *, test: Fraction, validation: Validation, seed: Seed) -> Split:
    """Single stratified split into training and test part.

    Args:
        census: the samples with their classes, sources and hashes.
        test: fraction of the images in the test part.
        validation: as in :func:`kfold`.
        seed: random seed of the split.

    Raises:
        ConfigError: there are too few distinct images.
    """
    groups = census.groups
    require_groups(groups, 2)
    presence = any_per_group(stratification_labels(census), groups)
    tested = stratified_sample(presence, test, seed)[groups]
    return build_split(census, groups, tested.astype(int), tested, ~tested, validation, seed)
