"""Splits: quality of stratification, near-duplicates in the same part, and complete parts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clothseg.build import build_split
from clothseg.cache import open_census
from clothseg.dataset import Sample, ccp
from clothseg.error import ConfigError, DataError
from clothseg.split import (
    Split,
    class_frequency_difference,
    constrained,
    holdout,
    ignored_parts,
    kfold,
    missing_classes,
    official,
    overfit,
    subset,
)
from clothseg.split.division import limit_split
from clothseg.split.stratified import _assign_folds
from support.answers import ccp_statistics, modanet_split
from support.random_cache import fake_cache
from support.shipped_config import CCP_NAMES, label_space, with_split

PAIRS = [("0183", "0730"), ("0197", "0671"), ("0223", "0616"), ("0594", "0722"), ("0692", "0732")]


@pytest.fixture(scope="module")
def real_cache(ccp_root, tmp_path_factory):
    reader = ccp(root=str(ccp_root), names=CCP_NAMES)
    folder = tmp_path_factory.getbasetemp() / "split-cache"
    return lambda labels: open_census(reader, label_space(labels), folder)


@pytest.mark.slow
@pytest.mark.parametrize(("labels", "limit"), [("refined15", 0.0107), ("ccp59", 0.0085)])
def test_real_folds_are_stratified_and_keep_near_duplicates_together(real_cache, labels, limit):
    cache = real_cache(labels)
    splits = [kfold(cache, folds=5, fold=k, validation=0.1, seed=0) for k in range(5)]
    assert sorted(name for split in splits for name in split.test) == cache.names
    assert all(split.deviation <= limit for split in splits)
    part = {name: k for k, split in enumerate(splits) for name in split.test}
    assert all(part[a] == part[b] for a, b in PAIRS)
    groups = cache.near_duplicates.groups
    together = [np.flatnonzero(groups == g) for g in np.flatnonzero(np.bincount(groups) > 1)]
    assert [tuple(cache.names[i] for i in group) for group in together] == PAIRS
    # The same measure as that of the independent splits, over the columns they used.
    report = ccp_statistics()["split"][labels]
    columns = [i for i, name in enumerate(report["classes"]) if name in report["columns_used"]]
    frequencies = np.array(
        [cache.presence[[part[n] == k for n in cache.names]].mean(0) for k in range(5)]
    )
    difference = np.abs(frequencies - cache.presence.mean(0))[:, columns].mean()
    assert difference <= limit


@settings(max_examples=25, deadline=None)
@given(
    images=st.integers(20, 60),
    duplicates=st.integers(0, 5),
    folds=st.integers(2, 5),
    seed=st.integers(0, 99),
)
def test_every_image_is_tested_once_and_parts_are_disjoint(images, duplicates, folds, seed):
    cache = fake_cache(images, seed=seed, twins=duplicates)
    splits = [kfold(cache, folds=folds, fold=k, validation=0.2, seed=seed) for k in range(folds)]
    assert sorted(name for split in splits for name in split.test) == cache.names
    assert len({split.division for split in splits}) == 1
    for split in splits:
        parts = [set(split.train), set(split.validation), set(split.test)]
        assert sum(map(len, parts)) == images
        assert set.union(*parts) == set(cache.names)
        assert all(parts)
        for i in range(duplicates):
            pair = {f"{i:03}", f"{images - duplicates + i:03}"}
            assert sum(bool(pair & part) for part in parts) == 1


def test_protocol_of_the_papers_validates_on_the_test_fold():
    split = kfold(fake_cache(30), folds=5, fold=2, validation="test", seed=0)
    assert split.validation == split.test
    assert len(split.train) + len(split.test) == 30


def test_holdout_parts_have_about_the_requested_size():
    split = holdout(fake_cache(100), test=0.2, validation=0.1, seed=0)
    assert 15 <= len(split.test) <= 25
    assert 5 <= len(split.validation) <= 12
    assert not set(split.test) & set(split.train)


def test_held_out_images_are_equal_for_all_folds_and_used_by_none():
    cache = fake_cache(60, twins=4)
    splits = [kfold(cache, folds=3, fold=k, validation=0.1, seed=0, held_out=0.2) for k in range(3)]
    assert len({tuple(split.held_out) for split in splits}) == 1
    assert 8 <= len(splits[0].held_out) <= 16
    for split in splits:
        used = {*split.train, *split.validation, *split.test}
        assert not used & set(split.held_out)
        assert used | set(split.held_out) == set(cache.names)
    tested = [name for split in splits for name in split.test]
    assert len(tested) == len(set(tested)) == 60 - len(splits[0].held_out)


def test_overfit_selects_the_images_with_the_most_classes():
    cache = fake_cache(6)
    rows = [[9, 9, 0, 0], [5, 5, 5, 1], [0, 9, 0, 0], [5, 5, 5, 2], [9, 9, 9, 0], [0, 0, 0, 0]]
    cache = replace(cache, pixels=np.array(rows))
    split = overfit(cache, images=3)
    assert split.train == split.validation == split.test == ["003", "001", "004"]
    with pytest.raises(ConfigError, match=r"split\.images=7: there are only 6 images"):
        overfit(cache, images=7)
    assert overfit(cache, images=["004", "000", "004"]).test == ["004", "000"]
    with pytest.raises(ConfigError, match=r"split\.images: no image named 9; .* 000, 001, 002 …"):
        overfit(cache, images=["001", 9])


def test_subsets_are_disjoint_and_have_the_class_frequencies_of_the_dataset():
    cache = fake_cache(400, twins=20)
    split = subset(cache, images=60, seed=0)
    assert split.validation == split.test
    assert not set(split.train) & set(split.test)
    for names in (split.train, split.test):
        assert 50 <= len(names) <= 70
        frequencies = cache.presence[np.isin(cache.names, names)].mean(0)
        assert frequencies == pytest.approx(cache.presence.mean(0), abs=0.06)
    with pytest.raises(ConfigError, match="two parts of 200 images need more than 400"):
        subset(cache, images=200, seed=0)


def test_limited_split_keeps_the_partition_and_the_proportions():
    cache = fake_cache(200)
    full = kfold(cache, folds=5, fold=1, validation=0.1, seed=0)
    small = limit_split(full, cache, 40, seed=0)
    assert len(small.train) == pytest.approx(40, abs=4)
    assert len(small.test) == pytest.approx(40 * len(full.test) / len(full.train), abs=3)
    for part in ("train", "validation", "test"):
        assert set(getattr(small, part)) <= set(getattr(full, part))
    assert small.division == full.division
    assert limit_split(full, cache, 1000, seed=0) == full
    few = limit_split(overfit(cache, images=9), cache, 3, seed=0)
    assert few.train == few.validation == few.test


@pytest.mark.parametrize("images", [1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_limited_split_respects_the_limit_and_has_no_empty_part(images, seed):
    cache = fake_cache(60, classes=12, seed=seed)
    full = kfold(cache, folds=3, fold=0, validation=0.2, seed=0)
    small = limit_split(full, cache, images, seed)
    assert small == limit_split(full, cache, images, seed)
    assert 1 <= len(small.train) <= images
    for part in ("validation", "test"):
        limit = max(1, round(images * len(getattr(full, part)) / len(full.train)))
        assert 1 <= len(getattr(small, part)) <= limit


def test_splits_are_reproducible_and_depend_on_the_seed():
    cache = fake_cache(40)
    first, repeated, other = (
        kfold(cache, folds=4, fold=1, validation=0.1, seed=seed) for seed in (0, 0, 1)
    )
    assert first == repeated
    assert first.hash != other.hash


def test_too_few_images_for_the_folds_raise():
    with pytest.raises(ConfigError, match="9 distinct images cannot be split into 5 parts"):
        kfold(fake_cache(9), folds=5, fold=0, validation=0.1, seed=0)


def test_class_without_training_images_is_reported():
    cache = fake_cache(30)
    cache.pixels[:, 2] = 0
    split = kfold(cache, folds=5, fold=0, validation=0.1, seed=0)
    cache.pixels[cache.names.index(split.test[0]), 2] = 1
    assert missing_classes(cache, split, ["a", "b", "c", "d"]) == ["c"]


def test_class_frequency_difference_of_a_hand_computed_example():
    presence = np.array([[1, 1, 0], [1, 0, 1], [1, 0, 0], [1, 0, 1]], bool)
    # Class 1: 1/2 and 0 versus 1/4; class 2: 1/2 and 1/2 versus 1/2; class 0 is in all images.
    difference = class_frequency_difference(presence, np.array([0, 0, 1, 1]))
    assert difference == pytest.approx(0.5 / 4)


def test_frozen_split_round_trips_and_detects_changes(tmp_path):
    split = kfold(fake_cache(20), folds=2, fold=0, validation=0.1, seed=0)
    path = tmp_path / "split.json"
    split.write(path)
    assert Split.read(path) == split
    path.write_text(path.read_text().replace(f'"{split.test[0]}"', '"999"'))
    with pytest.raises(DataError, match="changed by hand"):
        Split.read(path)


def test_every_fold_has_the_same_proportions_of_sources():
    cache = fake_cache(120)
    sources = ["ccp"] * 30 + ["cfpd"] * 90
    samples = [replace(s, source=name) for s, name in zip(cache.samples, sources, strict=True)]
    cache = replace(cache, samples=samples)
    source = dict(zip(cache.names, sources, strict=True))
    splits = [kfold(cache, folds=5, fold=k, validation=0.25, seed=0) for k in range(5)]
    for split in splits:
        for part in (split.train, split.validation, split.test):
            assert np.mean([source[name] == "ccp" for name in part]) == pytest.approx(0.25, abs=0.1)
    fractions = [np.mean([source[name] == "ccp" for name in split.test]) for split in splits]
    assert np.abs(np.array(fractions) - 0.25).mean() < 0.03


@pytest.fixture(scope="module")
def modanet_like():
    """Return the oracle's count matrix as a cache, background first, and the split's parameters."""
    case = modanet_split()
    counts = np.array(list(case["images"].values()))
    counts = np.hstack([np.ones((len(counts), 1), int), counts])
    cache = fake_cache(len(counts))
    samples = [Sample(f"{int(i):07}", Path(), Path()) for i in case["images"]]
    names = ["background", *case["categories"]]
    cache = replace(cache, samples=samples, pixels=counts, instances=counts, class_names=names)
    return cache, case["eval_size"], case["min_instances"], case["infeasible_case"]


def test_evaluation_part_has_the_minimum_of_every_class(modanet_like):
    cache, images, minimum, _ = modanet_like
    splits = [
        constrained(cache, test_images=images, min_instances=minimum, validation=0.1, seed=seed)
        for seed in (0, 0, 1)
    ]
    for split in splits:
        assert len(split.test) == images
        assert sorted(split.test + split.validation + split.train) == cache.names
        counts = cache.instances[np.isin(cache.names, split.test)].sum(0)
        assert counts[1:].min() >= minimum
    assert splits[0] == splits[1]
    assert splits[0].hash != splits[2].hash


def test_infeasible_minimum_is_reported_with_the_class_and_a_feasible_value(modanet_like):
    cache, images, minimum, infeasible = modanet_like
    counts = cache.instances.copy()
    column = cache.class_names.index(infeasible["column"])
    counts[np.flatnonzero(counts[:, column])[6:], column] = 0
    assert counts[:, column].sum() == infeasible["column_total"]
    cache = replace(cache, instances=counts)
    with pytest.raises(ConfigError, match=r"scarf/tie has 6 instances in 6 images") as error:
        constrained(cache, test_images=images, min_instances=minimum, validation=0.1, seed=0)
    assert "split.min_instances=6 at most" in str(error.value)
    constrained(cache, test_images=images, min_instances=6, validation=0.1, seed=0)


def test_minimum_that_is_infeasible_only_for_all_classes_is_reported_with_the_best_part():
    counts = np.ones((12, 4), int)
    counts[:, 1:] = np.eye(3, dtype=int)[np.arange(12) % 3]
    cache = replace(fake_cache(12), instances=counts, class_names=["bg", "hat", "bag", "tie"])
    with pytest.raises(ConfigError, match=r"no part that satisfies all classes; the best had"):
        constrained(cache, test_images=5, min_instances=2, validation="test", seed=0)
    split = constrained(cache, test_images=6, min_instances=2, validation="test", seed=0)
    assert split.validation == split.test


def test_too_many_evaluation_images_raise():
    with pytest.raises(ConfigError, match=r"split\.test_images=29: there are 30 images"):
        constrained(fake_cache(30), test_images=29, min_instances=1, validation=0.1, seed=0)


def test_odd_number_of_images_from_pairs_raises():
    with pytest.raises(ConfigError, match="do not add up to this number"):
        constrained(
            fake_cache(20, twins=10), test_images=5, min_instances=1, validation=0.1, seed=0
        )


@settings(max_examples=50, deadline=None)
@given(
    images=st.integers(30, 80),
    duplicates=st.integers(0, 5),
    fraction=st.floats(0.2, 0.6),
    tightness=st.floats(0.5, 0.9),
    seed=st.integers(0, 99),
)
def test_search_finds_a_part_if_random_samples_are_close(
    images, duplicates, fraction, tightness, seed
):
    cache = fake_cache(images, seed=seed, twins=duplicates)
    test_images = int(images * fraction)
    instances = max(1, int(tightness * fraction * cache.instances[:, 1:].sum(0).min()))
    arguments = {
        "test_images": test_images,
        "min_instances": instances,
        "validation": 0.2,
        "seed": seed,
    }
    split = constrained(cache, **arguments)
    assert len(split.test) == test_images
    assert sorted(split.train + split.validation + split.test) == cache.names
    assert split.train
    assert split.validation
    inside = np.isin(cache.names, split.test)
    assert (cache.instances[inside][:, 1:].sum(0) >= instances).all()
    for part in (split.train, split.validation, split.test):
        assert all(
            (f"{i:03}" in part) == (f"{images - duplicates + i:03}" in part)
            for i in range(duplicates)
        )


def released(images, *parts):
    """Return a cache of images with official parts in alternation, and the part of each image."""
    cache = fake_cache(images)
    parts = [parts[i % len(parts)] for i in range(images)]
    samples = [replace(s, part=part) for s, part in zip(cache.samples, parts, strict=True)]
    return replace(cache, samples=samples), dict(zip(cache.names, parts, strict=True))


@pytest.mark.parametrize(
    ("parts", "tested"),
    [(("train", "validation"), "validation"), (("train", "train", "validation", "test"), "test")],
)
def test_official_parts_are_used(parts, tested):
    cache, part = released(40, *parts)
    split = official(cache, validation=0.2, seed=0)
    assert split.test == [name for name in cache.names if part[name] == tested]
    training = [name for name in cache.names if part[name] == "train"]
    assert sorted(split.train + split.validation) == training
    assert split.validation
    paper = official(cache, validation="test", seed=0)
    assert (paper.train, paper.validation, paper.test) == (training, split.test, split.test)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("",), "release is not split into parts"),
        (("train", "", "test"), r"13 images are in no part of a release, e\.g\. 001"),
        (("train",), "all in train; train and either test or validation are required"),
        (("validation", "test"), "all in test, validation"),
    ],
)
def test_release_without_the_required_parts_raises(parts, message):
    cache, _ = released(40, *parts)
    with pytest.raises(ConfigError, match=message):
        official(cache, validation=0.1, seed=0)


OWN_SPLIT = """
import numpy as np
from clothseg.split import Split


def rarest(census, *, test: int) -> Split:
    rare = census.presence[:, 1:].sum(0).argmin() + 1
    assert census.class_names[rare] == "hat"
    order = np.argsort(-census.instances[:, rare] - census.pixels[:, rare], kind="stable")
    names = [census.names[index] for index in order]
    assert len(census.hashes) == len(census.sources) == len(census.samples) == len(names)
    return Split(names[test:], names[:test], names[:test], "own", 0.0)
"""


@pytest.mark.parametrize("max_images", [None, 3])
def test_a_function_of_the_user_receives_the_census(max_images, tmp_path, monkeypatch):
    (tmp_path / "own_splits.py").write_text(OWN_SPLIT)
    monkeypatch.syspath_prepend(tmp_path)
    census = fake_cache(12)
    pixels = census.pixels.copy()
    pixels[:, 2] = np.arange(12) == 5
    census = replace(
        census, pixels=pixels, instances=pixels, class_names=["bg", "bag", "hat", "tie"]
    )
    node = {"_target_": "own_splits.rarest", "test": 1}
    split = build_split(with_split(node, max_images, trust=["own_splits"]), census)
    assert split.test == ["005"]
    assert len(split.train) == (max_images or 11)


def test_folds_share_one_partition():
    cache = fake_cache(30)
    _assign_folds.cache_clear()
    splits = [kfold(cache, folds=3, fold=k, validation=0.2, seed=0) for k in range(3)]
    assert _assign_folds.cache_info().misses == 1
    again = [kfold(replace(cache), folds=3, fold=k, validation=0.2, seed=0) for k in range(3)]
    assert splits == again
    assert _assign_folds.cache_info().misses == 4  # of other objects, whose arrays may differ


@pytest.mark.parametrize(("part", "word"), [("train", "training"), ("test", "test")])
def test_a_part_whose_pixels_are_all_ignored_is_described(part, word):
    cache = fake_cache(40)
    cache.pixels[:] = 1
    split = kfold(cache, folds=3, fold=0, seed=0, validation=0.2)
    assert ignored_parts(cache, split) == []
    names = getattr(split, part)
    cache.pixels[[cache.index_of[name] for name in names]] = 0
    (problem,) = ignored_parts(cache, split)
    assert problem.startswith(f"all pixels of its {len(names)} {word} images are ignored")
    cache.pixels[cache.index_of[names[0]], 0] = 1
    assert ignored_parts(cache, split) == []


def test_a_dataset_whose_pixels_are_all_ignored_is_refused():
    node = {"_target_": "clothseg.split.kfold", "folds": 3, "fold": 0, "seed": 0, "validation": 0.2}
    cache = fake_cache(40)
    cache.pixels[:] = 0
    with pytest.raises(ConfigError, match="validation images are ignored"):
        build_split(with_split(node), cache)
