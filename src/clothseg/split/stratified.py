"""Divisions in which every part has about the same share of every class, and of every source."""

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
    carve,
    divided,
    of_groups,
    require_groups,
    strata,
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
        fold: the fold that is tested, counted from 0.
        validation: share of the training part that is carved off for validation, or `test` for the
            papers' own protocol, which chooses the epoch on the test fold.
        seed: seed of the division.
        held_out: share of the photos that no fold sees, on which all folds can be scored together.

    Raises:
        ConfigError: there are too few different photos.

    Source: Sechidis, Tsoumakas and Vlahavas, On the stratification of multi-label data, 2011.
    """
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

    groups = near_duplicate_groups(cache.hashes)
    require_groups(groups, folds)
    presence = of_groups(strata(cache), groups)
    seen = np.ones(len(presence), bool)
    if held_out:
        seen = ~carve(presence, held_out, seed)
    stratifier = MultilabelStratifiedKFold(folds, shuffle=True, random_state=seed)
    part = np.full(len(presence), -1)
    places = np.flatnonzero(seen)
    for number, (_, test) in enumerate(stratifier.split(presence[seen], presence[seen])):
        part[places[test]] = number
    part = part[groups]
    tested = part == fold
    split = divided(cache, groups, part, tested, (part >= 0) & ~tested, validation, seed)
    names = np.array(cache.names)
    return replace(split, held_out=names[part < 0].tolist())


def holdout(cache: "Cache", *, test: Fraction, validation: Validation, seed: Seed) -> Split:
    """One stratified division into training and test.

    Args:
        cache: the samples with their classes, sources and hashes.
        test: share of the photos that is tested.
        validation: as in :func:`kfold`.
        seed: seed of the division.

    Raises:
        ConfigError: there are too few different photos.
    """
    groups = near_duplicate_groups(cache.hashes)
    require_groups(groups, 2)
    tested = carve(of_groups(strata(cache), groups), test, seed)[groups]
    return divided(cache, groups, tested.astype(int), tested, ~tested, validation, seed)
