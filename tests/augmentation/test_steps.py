"""Steps of an augmentation: the inequalities of the paper hold for images of any size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clothseg.augmentation.steps import AreaCrop, Expand, Noise

IMAGES = st.tuples(st.integers(1, 300), st.integers(1, 300))
SEEDS = st.integers(0, 2**31 - 1)


def numbered(rows, columns):
    """Image and mask without a pixel of 0."""
    image = np.random.default_rng(0).integers(1, 256, (rows, columns, 3), np.uint8)
    return image, np.full((rows, columns), 7, np.uint8)


@given(IMAGES, SEEDS, st.sampled_from([0, 255]))
@settings(deadline=None)
def test_black_bars_are_as_wide_as_the_paper_allows(size, seed, value):
    rows, columns = size
    image, mask = numbered(rows, columns)
    expanded, labels = Expand(1.5, value)(image, mask, np.random.default_rng(seed))
    assert expanded.shape == (*labels.shape, 3)
    vertical, horizontal = labels.shape[0] - rows, labels.shape[1] - columns
    assert 0 <= vertical <= 0.5 * rows
    assert 0 <= horizontal <= 0.5 * columns
    inside = labels == 7
    top, left = np.argwhere(inside)[0]
    assert np.array_equal(expanded[top : top + rows, left : left + columns], image)
    assert inside.sum() == rows * columns
    assert not expanded[~inside].any()
    assert (labels[~inside] == value).all()


def test_black_bars_have_all_widths_and_are_divided_in_all_ways():
    generator = np.random.default_rng(0)
    seen = {Expand(1.5, 0)._bars(20, generator) for _ in range(3000)}
    assert seen == {(first, total - first) for total in range(11) for first in range(total + 1)}


AREA, ASPECT = (0.5, 1.0), (3 / 4, 4 / 3)


@given(IMAGES, SEEDS)
@settings(deadline=None, max_examples=300)
def test_a_crop_keeps_the_area_and_the_aspect_of_the_paper_where_that_is_possible(size, seed):
    crop, (rows, columns) = AreaCrop(AREA, ASPECT), size
    height, width = crop.window(rows, columns, np.random.default_rng(seed))
    assert 1 <= height <= rows
    assert 1 <= width <= columns
    assert 3 / 4 <= width / height <= 4 / 3
    largest = np.prod(crop.largest(rows, columns))
    assert height * width <= largest
    if largest > 0.5 * rows * columns:
        assert 0.5 * rows * columns < height * width <= rows * columns
    else:  # an image that is too long
        assert height * width == largest


@given(IMAGES)
def test_the_largest_window_is_the_largest(size):
    rows, columns = size
    heights = np.arange(1, rows + 1)
    widths = np.minimum(columns, np.floor(heights * (4 / 3)))
    legal = widths / heights >= 3 / 4
    assert np.prod(AreaCrop(AREA, ASPECT).largest(rows, columns)) == (heights * widths)[legal].max()


@given(IMAGES, SEEDS)
@settings(deadline=None)
def test_a_crop_cuts_image_and_mask_alike_at_a_position_inside(size, seed):
    rows, columns = size
    numbers = np.arange(rows * columns).reshape(rows, columns)
    image = np.stack([numbers % 251, numbers % 241, numbers % 239], -1).astype(np.uint8)
    mask = (numbers % 251).astype(np.uint8)
    cut, labels = AreaCrop(AREA, ASPECT)(image, mask, np.random.default_rng(seed))
    assert np.array_equal(cut[..., 0], labels)


def test_crops_reach_all_areas_aspects_and_positions():
    crop = AreaCrop(AREA, ASPECT)
    generator = np.random.default_rng(0)
    sizes = np.array([crop.window(300, 300, generator) for _ in range(2000)])
    areas, aspects = sizes.prod(1) / 300**2, sizes[:, 1] / sizes[:, 0]
    assert areas.min() < 0.52
    assert areas.max() > 0.95
    assert aspects.min() < 0.77
    assert aspects.max() > 1.3
    rows, columns = np.mgrid[:30, :30].astype(np.uint8)
    corners = [crop(rows[..., None], columns, generator) for _ in range(500)]
    assert min(int(image[0, 0, 0]) for image, _ in corners) == 0
    assert max(int(mask[-1, -1]) for _, mask in corners) == 29


def test_exact_noise_has_the_std_of_the_paper_and_is_independent():
    gray = np.full((400, 300, 3), 128, np.uint8)
    noisy, mask = Noise(25.5)(gray, gray[..., 0], np.random.default_rng(0))
    assert np.array_equal(mask, gray[..., 0])
    difference = noisy.astype(float) - 128
    assert difference.std() == pytest.approx(np.hypot(25.5, 12**-0.5), rel=0.005)  # with rounding
    assert difference.mean() == pytest.approx(0, abs=0.15)
    neighbors = np.corrcoef(difference[:, 1:].ravel(), difference[:, :-1].ravel())[0, 1]
    channels = np.corrcoef(difference[..., 0].ravel(), difference[..., 1].ravel())[0, 1]
    assert max(abs(neighbors), abs(channels)) < 0.01


def test_exact_noise_is_clipped():
    for value in (0, 255):
        image = np.full((100, 100, 3), value, np.uint8)
        noisy, _ = Noise(25.5)(image, image[..., 0], np.random.default_rng(1))
        assert (noisy == value).mean() == pytest.approx(0.5, abs=0.03)
        assert np.abs(noisy.astype(int) - value).max() < 130
