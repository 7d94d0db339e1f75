"""Batches: documented format, complete epochs, and reproducibility with workers and resuming."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from clothseg.augmentation import light
from clothseg.cache import OwnAspectImages
from clothseg.cache.columns import FlatRows
from clothseg.datamodule.sampling import EpochOrder, Shard, derive_seed, image_weights
from clothseg.error import ConfigError
from support.random_cache import UNCHANGED, small_data

LIGHT = {"rotation": 10.0, "zoom": [0.8, 1.3], "brightness": 0.2, "noise": 0.03}


def read_epochs(module, count):
    loader = module.train_dataloader()
    first = module.order.epoch
    batches = []
    for epoch in range(first, first + count):
        module.order.set_epoch(epoch)
        batches += list(loader)
    return batches


def equal(first, second):
    return all(
        torch.equal(a["image"], b["image"])
        and torch.equal(a["mask"], b["mask"])
        and a["name"] == b["name"]
        for a, b in zip(first, second, strict=True)
    )


def test_a_batch_has_the_documented_format():
    module = small_data()
    batch = next(iter(module.train_dataloader()))
    assert batch["image"].shape == (4, 16, 16, 3)
    assert batch["image"].dtype == batch["mask"].dtype == torch.uint8
    assert batch["index"].dtype == torch.int64
    for name, index, image in zip(batch["name"], batch["index"], batch["image"], strict=True):
        assert module.cache.names[index] == name
        assert np.array_equal(module.cache.images[index], image.numpy())


def test_evaluation_yields_every_image_once_in_order():
    module = small_data()
    names = [
        name for batch in module.evaluation_batches(module.split.test) for name in batch["name"]
    ]
    assert names == module.split.test
    names = [name for batch in module.val_dataloader() for name in batch["name"]]
    assert names == module.split.validation


def test_each_epoch_has_a_new_order_without_repetition():
    module = small_data()
    first, second = ([n for b in read_epochs(module, 1) for n in b["name"]] for _ in range(2))
    assert first == second
    other = [n for b in read_epochs(small_data(first_epoch=1), 1) for n in b["name"]]
    assert first != other
    assert len(set(first)) == len(first) == 4 * module.steps_per_epoch
    assert set(first) <= set(module.split.train)


def test_workers_do_not_change_the_batches():
    assert equal(
        read_epochs(small_data(0, light(16, UNCHANGED, **LIGHT)), 2),
        read_epochs(small_data(2, light(16, UNCHANGED, **LIGHT)), 2),
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_resuming_continues_the_uninterrupted_sequence(workers):
    complete = read_epochs(small_data(workers, light(16, UNCHANGED, **LIGHT)), 3)
    rest = read_epochs(small_data(workers, light(16, UNCHANGED, **LIGHT), first_epoch=2), 1)
    assert equal(complete[-len(rest) :], rest)


def test_order_depends_on_seed_and_epoch():
    orders = []
    for seed in (0, 1):
        order = EpochOrder(10, seed, 5, Shard())
        for epoch in (0, 1):
            order.set_epoch(epoch)
            keys = list(order)
            assert [key[0] for key in keys] == [epoch] * 10
            assert sorted(key[1] for key in keys) == list(range(10))
            orders.append(tuple(key[1] for key in keys))
    assert len(set(orders)) == 4


PRESENCE = np.array([[1, 0], [1, 0], [1, 0], [1, 1]], bool)
"""Presence of two classes: the first in every image, the second in one of four."""


def test_class_balanced_sampling_weights_all_classes_equally():
    weights = image_weights(PRESENCE, "class_balanced", repeat_threshold=0.1)
    assert weights == pytest.approx([1 / 4, 1 / 4, 1 / 4, 1 / 4 + 1])


@pytest.mark.parametrize(("rare", "factor"), [(0.25, 1), (0.36, 1.2), (1.0, 2.0)])
def test_repeat_factor_is_the_square_root_of_the_rarity(rare, factor):
    weights = image_weights(PRESENCE, "repeat_factor", repeat_threshold=rare)
    assert weights == pytest.approx([1, 1, 1, factor])


def test_absent_classes_are_ignored():
    wider = np.hstack([PRESENCE, np.zeros((4, 1), bool)])
    for sampling in ("class_balanced", "repeat_factor"):
        expected = image_weights(PRESENCE, sampling, 0.5)
        assert image_weights(wider, sampling, 0.5) == pytest.approx(expected)


def test_images_are_sampled_in_proportion_to_their_weights():
    weights = np.array([1.0, 1.0, 2.5, 3.5])
    order = EpochOrder(4, 0, 2, Shard(), weights)
    sampled = []
    for epoch in range(400):
        order.set_epoch(epoch)
        keys = [position for _, position, *_ in order]
        assert len(keys) == 4
        counts = np.bincount(keys, minlength=4)
        assert (np.abs(counts - weights / 2) < 1).all()  # the expected count, up to rounding
        sampled += keys
    assert np.bincount(sampled) / 400 == pytest.approx(weights / 2, abs=0.1)
    order.set_epoch(3)
    assert list(order) == list(order)


def test_repeated_images_are_augmented_differently():
    order = EpochOrder(4, 0, 2, Shard(), np.array([1.0, 0.0, 0.0, 7.0]))
    keys = list(order)
    repeated = [key[2:] for key in keys if key[1] == 3]
    assert repeated == [(), (1,), (2,), (3,)][: len(repeated)]
    assert len(repeated) >= 3
    module = small_data(augmentation=light(16, UNCHANGED, **LIGHT))
    images = module.training_batches().dataset
    first, again, same_again = (images[key]["image"] for key in ((0, 3), (0, 3, 1), (0, 3, 1)))
    assert not torch.equal(first, again)
    assert torch.equal(again, same_again)


def test_pixels_of_each_mask_value_are_counted():
    batch = next(iter(small_data().train_dataloader()))
    expected = np.bincount(batch["mask"].numpy().ravel(), minlength=256)
    assert batch["pixels"].dtype == torch.int64
    assert np.array_equal(batch["pixels"].numpy(), expected)


def test_a_batch_larger_than_the_training_set_is_rejected():
    with pytest.raises(
        ConfigError, match=r"data\.batch_size=99: only \d+ training images are available"
    ):
        small_data(batch_size=99)


def test_an_empty_part_is_reported_as_such():
    module = small_data()
    module.split = replace(module.split, validation=[])
    with pytest.raises(ConfigError, match="the validation part is empty; use more images, fewer"):
        module.require_images("trainer.devices", ["validation"])


def test_derived_seeds_are_deterministic_and_distinct():
    assert derive_seed(0, 1, 2) == derive_seed(0, 1, 2)
    seeds = {derive_seed(0, epoch, index) for epoch in range(50) for index in range(50)}
    assert len(seeds) == 2500
    assert all(0 <= seed < 2**31 for seed in seeds)


class Corner:
    """Augmentation that returns the upper left corner of images at their own aspect."""

    def __call__(self, image, mask, seed):
        assert image.shape[:2] == mask.shape != (16, 16)
        return image[:16, :16], mask[:16, :16]


def data_with_own_aspects(workers=0):
    """Random images with larger versions of different sizes for the augmentation."""
    data = small_data(workers, augmentation=Corner())
    random = np.random.default_rng(1)
    shapes = random.integers(17, 40, (24, 2))
    lengths = 4 * shapes.prod(1)
    content = random.integers(0, 4, lengths.sum()).astype(np.uint8)
    own_aspect = OwnAspectImages(
        names=data.cache.names, shapes=shapes, pixels=FlatRows(content, lengths.cumsum())
    )
    data.cache = replace(data.cache, own_aspect=own_aspect)
    return data


def test_only_training_images_are_augmented_from_their_own_aspect():
    data = data_with_own_aspects()
    (batch, *_) = data.training_batches()
    for index, image, mask in zip(batch["index"], batch["image"], batch["mask"], strict=True):
        assert np.array_equal(data.cache.own_aspect.image(index)[:16, :16], image.numpy())
        assert np.array_equal(data.cache.own_aspect.mask(index)[:16, :16], mask.numpy())
    (batch, *_) = data.evaluation_batches(data.split.test)
    for index, image in zip(batch["index"], batch["image"], strict=True):
        assert np.array_equal(data.cache.images[index], image.numpy())


def test_workers_read_the_same_images_at_their_own_aspect():
    assert equal(read_epochs(data_with_own_aspects(0), 1), read_epochs(data_with_own_aspects(2), 1))
