"""Splits of datasets that are too small for the numbers in a configuration."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clothseg import build
from clothseg.error import ConfigError
from support.random_cache import fake_cache
from support.shipped_config import with_split

CONSTRAINED = {
    "_target_": "clothseg.split.constrained",
    "test_images": 2400,
    "min_instances": 280,
    "validation": 0.1,
    "seed": 0,
}
SUBSET = {"_target_": "clothseg.split.subset", "images": 100, "seed": 0}
OVERFIT = {"_target_": "clothseg.split.overfit", "images": 30}
KFOLD = {
    "_target_": "clothseg.split.kfold",
    "folds": 5,
    "fold": 0,
    "validation": 0.1,
    "seed": 0,
}


def split(census, node, max_images=16):
    return build.build_split(with_split(node, max_images), census)


@pytest.mark.parametrize("node", [CONSTRAINED, SUBSET, OVERFIT])
def test_without_a_budget_a_dataset_that_is_too_small_is_an_error(node):
    with pytest.raises(ConfigError, match=r"split\.(test_)?images="):
        split(fake_cache(25), node, max_images=None)


@settings(max_examples=40, deadline=None)
@given(
    images=st.integers(20, 70),
    twins=st.integers(0, 6),
    max_images=st.integers(1, 40),
    seed=st.integers(0, 50),
)
def test_budgets_shrink_the_numbers_of_every_split(images, twins, max_images, seed):
    census = fake_cache(images, classes=6, seed=seed, twins=twins)
    census.pixels[:, 0] += 1  # no image is ignored entirely
    for node in (CONSTRAINED, SUBSET, OVERFIT, KFOLD):
        found = split(census, node, max_images)
        assert found == split(census, node, max_images)
        assert 1 <= len(found.train) <= max_images
        assert found.test
        assert found.names <= set(census.names)
        if node is not OVERFIT:
            assert not set(found.train) & {*found.validation, *found.test}


@pytest.mark.parametrize("node", [SUBSET | {"images": 12}, OVERFIT | {"images": 25}, KFOLD])
def test_a_split_that_the_dataset_allows_is_only_limited(node):
    census = fake_cache(60)
    full = split(census, node, max_images=None)
    limited = split(census, node, max_images=8)
    assert limited.division == full.division
    assert set(limited.train) <= set(full.train)


def test_the_minimum_shrinks_in_proportion_and_exists_for_every_class_that_does():
    census = fake_cache(400, classes=5)
    instances = np.array(census.instances)
    instances[:, 1] = 50  # 280 instances in 2,400 images are 10 in 80, a fifth of the dataset
    instances[:, 2] = 0  # in no image
    instances[:, 3] = np.arange(400) == 7  # in one image
    instances[:, 4] = np.arange(400) % 5 == 0  # in 80 images
    census = replace(census, instances=instances)
    for seed in range(5):
        found = split(census, CONSTRAINED | {"seed": seed}, max_images=400)
        assert len(found.test) == 80
        counts = instances[np.isin(census.names, found.test)].sum(0)
        assert counts[2] == 0
        assert counts[3] == 1
        assert counts[4] >= 10


@pytest.mark.parametrize("validation", [0.1, "test"])
def test_a_reduced_part_keeps_the_minimum_of_every_class_in_proportion(validation):
    census = fake_cache(400, classes=4)
    instances = np.zeros((400, 4), int)
    instances[:, 1] = 3
    instances[::20, 2] = 4  # in 20 images, of which the full part has 10 at least
    instances[[3, 77, 150], 3] = 20
    census = replace(census, instances=instances)
    numbers = {"test_images": 100, "min_instances": 40, "validation": validation}
    for seed in range(8):
        node = CONSTRAINED | numbers | {"seed": seed}
        full, small = split(census, node, max_images=None), split(census, node, max_images=60)
        assert set(small.test) < set(full.test)
        assert len(small.test) == round(60 / len(full.train) * 100)
        counts = instances[np.isin(census.names, small.test)].sum(0)
        assert (counts[1:] >= np.ceil(0.4 * len(small.test))).all()
        assert (small.validation == small.test) == (validation == "test")
        assert not set(small.train) & {*small.validation, *small.test}


def test_a_feasible_number_of_test_images_is_used_for_near_duplicates_only():
    census = fake_cache(20, twins=10)  # ten pairs, of which an odd number of images is impossible
    found = split(census, CONSTRAINED | {"test_images": 3, "min_instances": 1})
    assert len(found.test) == 2


@pytest.mark.parametrize(
    ("images", "node", "message"),
    [
        (2, CONSTRAINED, r"split\.test_images=2400: there are 2 images"),
        (4, SUBSET, r"split\.images=100: two parts of 100 images"),
        (20, OVERFIT | {"images": ["x"]}, r"split\.images: no image named x"),
        (8, KFOLD, "8 distinct images cannot be split into 5 parts"),
    ],
)
def test_other_problems_remain_errors(images, node, message):
    with pytest.raises(ConfigError, match=message):
        split(fake_cache(images), node)
