"""Batches: the stated form, every photo, equal for any number of workers and after a resume."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from clothseg.augmentation import light, none
from clothseg.datamodule import EpochOrder, SegmentationData, Share, derived_seed
from clothseg.error import ConfigError
from clothseg.split import kfold
from test_split import fake_cache

LIGHT = {"rotation": 10.0, "zoom": [0.8, 1.3], "brightness": 0.2, "noise": 0.03}
UNCHANGED = np.arange(256, dtype=np.uint8)


def data(workers=0, augmentation=None, first_epoch=0, batch_size=4):
    cache = fake_cache(24)
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (24, 16, 16, 3), np.uint8)
    masks = random.integers(0, 4, (24, 16, 16)).astype(np.uint8)
    cache = replace(cache, images=images, masks=masks)
    split = kfold(cache, folds=4, fold=0, validation=0.2, seed=0)
    module = SegmentationData(
        cache, split, augmentation or none(16, UNCHANGED), batch_size, workers, seed=3
    )
    module.load_state_dict({"epoch": first_epoch})
    return module


def epochs(module, count):
    loader = module.train_dataloader()
    first = module.order.epoch
    batches = []
    for epoch in range(first, first + count):
        module.order.set_epoch(epoch)
        batches += list(loader)
    return batches


def same(first, second):
    return all(
        torch.equal(a["image"], b["image"])
        and torch.equal(a["mask"], b["mask"])
        and a["name"] == b["name"]
        for a, b in zip(first, second, strict=True)
    )


def test_a_batch_has_the_stated_form():
    module = data()
    batch = next(iter(module.train_dataloader()))
    assert batch["image"].shape == (4, 16, 16, 3)
    assert batch["image"].dtype == batch["mask"].dtype == torch.uint8
    assert batch["index"].dtype == torch.int64
    for name, index, image in zip(batch["name"], batch["index"], batch["image"], strict=True):
        assert module.cache.names[index] == name
        assert np.array_equal(module.cache.images[index], image.numpy())


def test_evaluation_sees_every_photo_once_in_order():
    module = data()
    names = [name for batch in module.in_order(module.split.test) for name in batch["name"]]
    assert names == module.split.test
    names = [name for batch in module.val_dataloader() for name in batch["name"]]
    assert names == module.split.validation


def test_an_epoch_sees_different_training_photos_in_a_new_order():
    module = data()
    first, second = ([n for b in epochs(module, 1) for n in b["name"]] for _ in range(2))
    assert first == second
    other = [n for b in epochs(data(first_epoch=1), 1) for n in b["name"]]
    assert first != other
    assert len(set(first)) == len(first) == 4 * module.steps_per_epoch
    assert set(first) <= set(module.split.train)


def test_workers_change_nothing():
    assert same(
        epochs(data(0, light(16, UNCHANGED, **LIGHT)), 2),
        epochs(data(2, light(16, UNCHANGED, **LIGHT)), 2),
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_stream_is_the_rest_of_an_undisturbed_one(workers):
    whole = epochs(data(workers, light(16, UNCHANGED, **LIGHT)), 3)
    rest = epochs(data(workers, light(16, UNCHANGED, **LIGHT), first_epoch=2), 1)
    assert same(whole[-len(rest) :], rest)


def test_the_order_is_decided_by_seed_and_epoch():
    orders = []
    for seed in (0, 1):
        order = EpochOrder(10, seed, 5, Share())
        for epoch in (0, 1):
            order.set_epoch(epoch)
            keys = list(order)
            assert [key[0] for key in keys] == [epoch] * 10
            assert sorted(key[1] for key in keys) == list(range(10))
            orders.append(tuple(key[1] for key in keys))
    assert len(set(orders)) == 4


def test_a_batch_larger_than_the_training_part_is_refused():
    with pytest.raises(ConfigError, match=r"data\.batch_size=99: there are only \d+ photos"):
        data(batch_size=99)


def test_derived_seeds_are_fixed_and_differ():
    assert derived_seed(0, 1, 2) == derived_seed(0, 1, 2)
    seeds = {derived_seed(0, epoch, index) for epoch in range(50) for index in range(50)}
    assert len(seeds) == 2500
    assert all(0 <= seed < 2**31 for seed in seeds)
