"""Splits: stratified as well as the independent ones, look-alikes together, nothing lost."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clothseg.cache import Cache, open_cache
from clothseg.dataset import Sample, ccp
from clothseg.error import ConfigError, DataError
from clothseg.split import (
    Split,
    holdout,
    kfold,
    missing_classes,
    near_duplicate_groups,
    near_duplicate_pairs,
    share_deviation,
)
from repository import CCP_NAMES, label_space

PAIRS = [("0183", "0730"), ("0197", "0671"), ("0223", "0616"), ("0594", "0722"), ("0692", "0732")]


def fake_cache(photos, classes=4, seed=0, twins=0):
    """Photos with random classes and far-apart hashes; the last `twins` repeat the first."""
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 2**63, photos, np.uint64)
    hashes[photos - twins :] = hashes[:twins] ^ np.uint64(7)
    pixels = random.integers(0, 2, (photos, classes))
    empty = np.zeros((photos, 2, 2), np.uint8)
    samples = [Sample(f"{i:03}", Path(), Path()) for i in range(photos)]
    return Cache(samples, empty, empty, pixels, pixels, hashes)


@pytest.fixture(scope="module")
def real_cache(ccp_root, tmp_path_factory):
    reader = ccp(root=str(ccp_root), names=CCP_NAMES)
    return lambda labels: open_cache(
        reader, label_space(labels), 32, tmp_path_factory.getbasetemp() / "split-cache"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("labels", "limit"), [("refined15", 0.0107), ("ccp59", 0.0085)])
def test_real_folds_are_stratified_and_keep_look_alikes_together(
    real_cache, oracles, labels, limit
):
    cache = real_cache(labels)
    splits = [kfold(cache, folds=5, fold=k, validation=0.1, seed=0) for k in range(5)]
    assert sorted(name for split in splits for name in split.test) == cache.names
    assert all(split.deviation <= limit for split in splits)
    part = {name: k for k, split in enumerate(splits) for name in split.test}
    assert all(part[a] == part[b] for a, b in PAIRS)
    groups = near_duplicate_groups(cache.hashes)
    together = [np.flatnonzero(groups == g) for g in np.flatnonzero(np.bincount(groups) > 1)]
    assert [tuple(cache.names[i] for i in group) for group in together] == PAIRS
    # The same measure as the oracle's, over the columns that it used.
    report = json.loads((oracles / "splits" / "ccp_0001_0804.json").read_text())["sets"]
    report = report[f"ccp_0001_0804/{'refined15' if labels == 'refined15' else 'labels59'}"]
    columns = [i for i, name in enumerate(report["classes"]) if name in report["columns_used"]]
    shares = np.array(
        [cache.presence[[part[n] == k for n in cache.names]].mean(0) for k in range(5)]
    )
    deviation = np.abs(shares - cache.presence.mean(0))[:, columns].mean()
    assert deviation <= limit


@settings(max_examples=25, deadline=None)
@given(
    photos=st.integers(20, 60),
    twins=st.integers(0, 5),
    folds=st.integers(2, 5),
    seed=st.integers(0, 99),
)
def test_every_photo_is_tested_once_and_parts_are_disjoint(photos, twins, folds, seed):
    cache = fake_cache(photos, seed=seed, twins=twins)
    splits = [kfold(cache, folds=folds, fold=k, validation=0.2, seed=seed) for k in range(folds)]
    assert sorted(name for split in splits for name in split.test) == cache.names
    assert len({split.division for split in splits}) == 1
    for split in splits:
        parts = [set(split.train), set(split.validation), set(split.test)]
        assert sum(map(len, parts)) == photos
        assert set.union(*parts) == set(cache.names)
        assert all(parts)
        for twin in range(twins):
            pair = {f"{twin:03}", f"{photos - twins + twin:03}"}
            assert sum(bool(pair & part) for part in parts) == 1


def test_the_papers_protocol_validates_on_the_test_fold():
    split = kfold(fake_cache(30), folds=5, fold=2, validation="test", seed=0)
    assert split.validation == split.test
    assert len(split.train) + len(split.test) == 30


def test_holdout_takes_about_the_share_asked_for():
    split = holdout(fake_cache(100), test=0.2, validation=0.1, seed=0)
    assert 15 <= len(split.test) <= 25
    assert 5 <= len(split.validation) <= 12
    assert not set(split.test) & set(split.train)


def test_equal_arguments_give_equal_splits_and_seeds_differ():
    cache = fake_cache(40)
    first, again, other = (kfold(cache, folds=4, fold=1, validation=0.1, seed=s) for s in (0, 0, 1))
    assert first == again
    assert first.hash != other.hash


def test_folds_of_too_few_photos_are_refused():
    with pytest.raises(ConfigError, match="9 different photos cannot be divided into 5 parts"):
        kfold(fake_cache(9), folds=5, fold=0, validation=0.1, seed=0)


def test_a_class_that_training_lacks_is_named():
    cache = fake_cache(30)
    cache.pixels[:, 2] = 0
    split = kfold(cache, folds=5, fold=0, validation=0.1, seed=0)
    cache.pixels[cache.names.index(split.test[0]), 2] = 1
    assert missing_classes(cache, split, ["a", "b", "c", "d"]) == ["c"]


def test_deviation_is_the_mean_difference_of_shares():
    presence = np.array([[1, 1, 0], [1, 0, 1], [1, 0, 0], [1, 0, 1]], bool)
    # Class 1: 1/2 and 0 against 1/4; class 2: 1/2 and 1/2 against 1/2; class 0 is everywhere.
    assert share_deviation(presence, np.array([0, 0, 1, 1])) == pytest.approx(0.5 / 4)


def test_a_frozen_split_comes_back_and_notices_changes(tmp_path):
    split = kfold(fake_cache(20), folds=2, fold=0, validation=0.1, seed=0)
    path = tmp_path / "split.json"
    split.write(path)
    assert Split.read(path) == split
    path.write_text(path.read_text().replace(f'"{split.test[0]}"', '"999"'))
    with pytest.raises(DataError, match="changed by hand"):
        Split.read(path)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=6), st.integers(1, 2**12))
def test_pairs_of_look_alikes_are_those_of_a_comparison_of_all(values, difference):
    values += [value ^ difference for value in values]
    expected = [
        (i, j)
        for i in range(len(values))
        for j in range(i + 1, len(values))
        if (values[i] ^ values[j]).bit_count() <= 8
    ]
    first, second = near_duplicate_pairs(np.array(values, np.uint64))
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == expected
