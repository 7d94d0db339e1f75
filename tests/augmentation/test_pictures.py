"""Augmentation of pictures with several maps: aligned, within the longest side, left-right safe."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clothseg.augmentation import hptr
from clothseg.augmentation.pictures import flipped, resized
from clothseg.augmentation.steps import takes_pictures

SWAP = np.arange(256, dtype=np.uint8)
SWAP[[14, 15]] = 15, 14
UNCHANGED = {
    "flip_probability": 0,
    "short_sides": [],
    "crop_probability": 0,
    "crop_short_sides": [0.5],
    "crop_sides": [0.4, 1.0],
}


def picture(height, width, seed=0):
    """Blocks of 8 pixels whose value is that of every map, and the brightness of the image."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 20, (-(-height // 8), -(-width // 8))).astype(np.uint8)
    values = np.kron(blocks, np.ones((8, 8), np.uint8))[:height, :width]
    image = np.repeat(10 * values[..., None], 3, 2)
    return image, np.stack([values, values, values])


def test_its_factory_is_marked_as_one_for_pictures():
    assert takes_pictures(hptr)


def test_a_flip_swaps_left_and_right_of_the_classes_only():
    image, maps = picture(16, 24)
    mirrored, found = flipped(image, maps, SWAP)
    assert np.array_equal(mirrored, image[:, ::-1])
    assert np.array_equal(found[0], SWAP[maps[0, :, ::-1]])
    assert np.array_equal(found[1:], maps[1:, :, ::-1])
    again = flipped(mirrored, found, SWAP)
    assert np.array_equal(again[0], image)
    assert np.array_equal(again[1], maps)


@pytest.mark.parametrize(
    ("shape", "short", "longest", "expected"),
    [
        ((100, 200), 50, None, (50, 100)),
        ((100, 200), 80, 100, (50, 100)),  # the longest side decides
        ((100, 100), 200, 150, (150, 150)),
        ((1, 400), 10, 100, (1, 100)),
    ],
)
def test_the_short_side_is_set_unless_the_long_one_becomes_too_long(
    shape, short, longest, expected
):
    image, maps = resized(*picture(*shape), short, longest)
    assert image.shape == (*expected, 3)
    assert maps.shape == (3, *expected)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.integers(0, 2**31 - 1),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_image_and_maps_stay_aligned_and_within_the_longest_side(size, seed, flip, crop):
    augment = hptr(
        64,
        np.arange(256, dtype=np.uint8),
        flip_probability=flip,
        short_sides=[0.3, 0.6, 1.0],
        crop_probability=crop,
        crop_short_sides=[0.5, 0.9],
        crop_sides=[0.4, 1.0],
    )
    image, maps = augment(*picture(*size), seed)
    assert image.shape[:2] == maps.shape[1:]
    assert max(image.shape) <= 64
    assert np.array_equal(maps[0], maps[1])
    assert np.array_equal(maps[0], maps[2])
    # Inside blocks the image has the brightness of its block, also after it was resized.
    inside = np.abs(image[..., 0].astype(int) - 10 * maps[0].astype(int)) <= 12
    assert inside.mean() > 0.35 or min(image.shape[:2]) < 12
    same = augment(*picture(*size), seed)
    assert np.array_equal(same[0], image)
    assert np.array_equal(same[1], maps)


def test_without_any_step_a_picture_is_unchanged():
    image, maps = picture(50, 70)
    found = hptr(64, SWAP, **UNCHANGED)(image, maps, 5)
    assert np.array_equal(found[0], image)
    assert np.array_equal(found[1], maps)


def test_a_crop_has_sides_in_the_range():
    augment = hptr(100, SWAP, **UNCHANGED | {"crop_probability": 1, "crop_short_sides": [1.0]})
    sizes = np.array([augment(*picture(80, 120), seed)[0].shape[:2] for seed in range(200)])
    assert sizes.min() >= 40
    assert sizes.max() <= 100
    assert sizes.min(0).max() <= 45  # both sides take the whole range
    assert sizes.max(0).min() >= 95


def test_half_of_the_pictures_are_flipped():
    image, maps = picture(8, 16)
    image[:, 0] = 255
    augment = hptr(64, SWAP, **UNCHANGED | {"flip_probability": 0.5})
    count = sum(bool(augment(image, maps, seed)[0][0, -1, 0] == 255) for seed in range(1000))
    assert 440 < count < 560  # 3.8 standard deviations
