"""Batches of pictures of different sizes: boxes, padding, original size."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from clothseg.cache import open_census, open_pictures
from clothseg.datamodule.pictures import (
    LEAST,
    STRIDE,
    PictureBatches,
    collate_pictures,
    person_boxes,
    sample_of,
)
from clothseg.split import holdout
from support.shipped_config import label_space, reader_of

KINDS = ["size", "pattern", "color"]


def slow_boxes(person):
    """Boxes by a plain loop over people."""
    height, width = person.shape
    rows = []
    for number in sorted(set(person.ravel().tolist()) - {0}):
        ys, xs = np.nonzero(person == number)
        top, bottom, left, right = ys.min(), ys.max() + 1, xs.min(), xs.max() + 1
        box = (left + right) / 2 / width, (top + bottom) / 2 / height
        rows.append((*box, (right - left) / width, (bottom - top) / height))
    return np.array(rows, np.float32).reshape(-1, 4)


@settings(max_examples=100, deadline=None)
@given(
    arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 5)
    )
)
def test_boxes_are_those_of_a_plain_loop(person):
    boxes, numbers = person_boxes(person)
    assert numbers.tolist() == sorted(set(person.ravel().tolist()) - {0})
    np.testing.assert_allclose(boxes, slow_boxes(person), atol=1e-6)


def test_the_highest_number_of_a_person_is_255():
    person = np.full((4, 4), 255, np.uint8)
    boxes, numbers = person_boxes(person)
    assert numbers.tolist() == [255]
    assert boxes.tolist() == [[0.5, 0.5, 1.0, 1.0]]


def sample(height, width, seed):
    random = np.random.default_rng(seed)
    image = random.integers(1, 256, (height, width, 3)).astype(np.uint8)
    maps = random.integers(0, 3, (2 + len(KINDS), height, width)).astype(np.uint8)
    named = {"name": str(seed), "index": seed, "original": torch.tensor([height, width])}
    return named | sample_of(image, maps), image, maps


def test_pictures_lie_in_the_upper_left_corner_and_the_padding_is_ignored():
    sizes = [(33, 20), (10, 70), (64, 64)]
    samples, images, maps = zip(*(sample(*size, n) for n, size in enumerate(sizes)), strict=True)
    batch = collate_pictures(samples)
    assert batch["image"].shape == (3, 64, 96, 3)
    assert batch["visible"].tolist() == [list(size) for size in sizes]
    for position, (height, width) in enumerate(sizes):
        inside = np.s_[:height, :width]
        assert np.array_equal(batch["image"][position][inside], images[position])
        found = [batch["mask"][position], batch["person"][position], *batch["further"][position]]
        for values, expected, padding in zip(
            found, maps[position], (255, 0, 255, 255, 255), strict=True
        ):
            assert np.array_equal(values[inside], expected)
            outside = values.clone()
            outside[inside] = padding
            assert (outside == padding).all()
        assert len(batch["boxes"][position]) == len(batch["numbers"][position])
    counts = np.bincount(batch["mask"].numpy().ravel(), minlength=256)
    assert batch["pixels"].tolist() == counts.tolist()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 80), st.integers(1, 80)), min_size=1, max_size=4))
def test_a_batch_is_the_smallest_multiple_of_the_stride(sizes):
    batch = collate_pictures([sample(*size, 0)[0] for size in sizes])
    for side, longest in zip(batch["image"].shape[1:3], np.max(sizes, axis=0), strict=True):
        assert side % STRIDE == 0
        assert max(LEAST, longest) <= side < max(LEAST, longest) + STRIDE


@pytest.fixture(scope="module")
def batches(drawn_datasets, tmp_path_factory):
    reader, labels = reader_of("ccihp", drawn_datasets / "ccihp"), label_space("ccihp20")
    census = open_census(reader, labels, tmp_path_factory.mktemp("cache"))
    cache = open_pictures(census, reader, labels, 64, KINDS)
    split = holdout(census, test=0.3, validation="test", seed=0, group_near_duplicates=False)
    return PictureBatches(cache, split, None, 1, 0, seed=0), reader, labels


def test_evaluated_pictures_are_those_of_the_cache(batches):
    data, *_ = batches
    names = data.cache.names
    for batch in data.evaluation_batches(names):
        index = int(batch["index"][0])
        height, width = batch["visible"][0].tolist()
        assert batch["name"] == [names[index]]
        assert batch["original"][0].tolist() == data.cache.sizes[index].tolist()
        stored = data.cache.images.maps(index)
        assert np.array_equal(batch["mask"][0, :height, :width], stored[0])
        assert np.array_equal(batch["further"][0, :, :height, :width], stored[2:])


def test_the_ground_truth_at_the_original_size_is_that_of_the_files(batches):
    data, reader, labels = batches
    for batch in data.at_original_size(data.cache.names, reader, labels):
        sample = data.cache.samples[int(batch["index"][0])]
        (truth,) = batch["truth"]
        _, source = reader.read(sample)
        assert np.array_equal(truth[0], source)
        assert np.array_equal(truth[1], reader.person_map(sample))
        for values, kind in zip(truth[2:], KINDS, strict=True):
            assert np.array_equal(values, reader.further_maps(sample)[kind])
