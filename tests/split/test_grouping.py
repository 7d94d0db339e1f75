"""Sizes of the parts of a split with groups of near-duplicates."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clothseg.dataset.near_duplicates import Appearance
from clothseg.split import holdout, kfold, subset
from clothseg.split.grouping import balance
from support.people_on_white import person_on_white
from support.random_cache import fake_cache


def cache_with_groups(sizes, seed=0):
    """Random images of which the first ones form groups of near-duplicates of the given sizes."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    cache = fake_cache(len(groups), seed=seed)
    first = np.searchsorted(groups, groups)
    return replace(cache, hashes=cache.hashes[first], thumbnails=cache.thumbnails[first])


def test_people_cut_out_on_white_are_split_into_folds_of_equal_size():
    cache = fake_cache(200)
    images = Appearance.stack([Appearance.of(person_on_white(index)) for index in range(200)])
    cache = replace(cache, **vars(images))
    splits = [kfold(cache, folds=5, fold=k, validation=0.1, seed=0) for k in range(5)]
    assert all(36 <= len(split.test) <= 44 for split in splits)
    assert all(14 <= len(split.validation) <= 18 for split in splits)
    images, groups, largest = splits[0].groups
    assert images == 200
    assert groups >= 160
    assert largest <= 5
    shown = f"near-duplicates stay together: 200 images in {groups} groups, the largest {largest}"
    assert shown in splits[0].summary
    assert not any(split.warnings for split in splits)


@settings(max_examples=25, deadline=None)
@given(
    large=st.lists(st.integers(2, 25), min_size=1, max_size=6),
    folds=st.integers(2, 5),
    seed=st.integers(0, 99),
)
def test_folds_have_the_requested_number_of_images(large, folds, seed):
    cache = cache_with_groups([*large, *[1] * 150], seed)
    groups = cache.near_duplicates.groups
    assert np.bincount(groups)[: len(large)].tolist() == large
    splits = [kfold(cache, folds=folds, fold=k, validation=0.2, seed=seed) for k in range(folds)]
    size = len(groups) / folds
    for split in splits:
        assert abs(len(split.test) - size) <= 0.1 * size
        requested = 0.2 * (len(groups) - len(split.test))
        assert abs(len(split.validation) - requested) <= 0.25 * requested + 2
        assert not split.warnings
        for part in (split.train, split.validation, split.test):
            inside = set(groups[np.isin(cache.names, part)])
            assert np.isin(groups, list(inside)).sum() == len(part)


def test_a_group_that_is_larger_than_a_part_is_a_warning():
    cache = cache_with_groups([120, *[1] * 80])
    splits = [kfold(cache, folds=5, fold=k, validation="test", seed=0) for k in range(5)]
    assert sorted(len(split.test) for split in splits) == [19, 20, 20, 20, 121]
    texts = [text for split in splits for text in split.warnings]
    assert len(texts) == 5
    (text,) = max(splits, key=lambda split: len(split.test)).warnings
    assert text == (
        "the test part has 121 of 200 images, but about 40 were requested; the largest of the "
        "groups of near-duplicates, which stay together, has 120 "
        "(split.group_near_duplicates=false splits them)"
    )


@pytest.mark.parametrize("function", [kfold, holdout, subset])
def test_near_duplicates_are_split_like_other_images_if_they_are_not_grouped(function):
    numbers = {
        kfold: {"folds": 4, "fold": 0, "validation": 0.2},
        holdout: {"test": 0.25, "validation": 0.2},
        subset: {"images": 20},
    }
    cache, distinct = cache_with_groups([60, *[1] * 40]), fake_cache(100)
    options = {"seed": 3, **numbers[function]}
    apart = function(cache, group_near_duplicates=False, **options)
    assert apart == function(distinct, **options)
    assert not apart.groups
    assert function(cache, **options).groups == [100, 41, 60]


def test_parts_of_distinct_images_remain_as_they_are():
    part, groups = np.array([0, 0, 0, 0, 1]), np.arange(5)
    presence = np.ones((5, 2), bool)
    assert balance(part, presence, groups, [0.5, 0.5]).tolist() == part.tolist()


def test_the_moved_group_is_the_one_that_equalizes_the_classes():
    groups = np.array([0, 0, 0, 0, 1, 2, 3, 4])
    presence = np.array([[0], [0], [0], [0], [0], [1], [0], [1]], bool)
    part = np.array([0, 0, 0, 1, 1])
    moved = balance(part, presence, groups, [0.5, 0.5])
    assert np.bincount(moved).tolist() == [5, 3]
    assert moved[5] == 0  # the class stays in both parts
    assert moved[4] == 1
