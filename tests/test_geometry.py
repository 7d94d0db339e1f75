"""Placement of images in the network's input: nothing lost, nothing distorted, and undone."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clothseg.geometry import PADDING_COLOR, Fit, Frame, OwnAspect, inscribed, sides
from clothseg.labels import IGNORE

FITS = get_args(Fit)
SIDE = st.integers(1, 3000)
SIZE = st.tuples(SIDE, SIDE)
SMALL = st.tuples(st.integers(1, 40), st.integers(1, 40))


def is_inside(window, size):
    rows, columns = window.slices
    return 0 <= rows.start < rows.stop <= size[0] and 0 <= columns.start < columns.stop <= size[1]


def is_in_the_middle(window, size):
    """The margins on both sides differ by one pixel at most."""
    margins = [
        (start, side - start - length)
        for start, length, side in zip((window.top, window.left), window.size, size, strict=True)
    ]
    return all(after - before in (0, 1) for before, after in margins)


@given(SIZE, SIZE, st.sampled_from(FITS))
def test_windows_are_in_the_middle_of_the_image_and_of_the_frame(size, frame, fit):
    placement = Frame(*frame, fit).placement(*size)
    assert (placement.size, placement.frame.size) == (size, frame)
    for window, outer in ((placement.source, size), (placement.target, frame)):
        assert is_inside(window, outer)
        assert is_in_the_middle(window, outer)


@given(SIZE, SIZE)
def test_a_squeezed_image_is_seen_whole_and_fills_the_frame(size, frame):
    placement = Frame(*frame).placement(*size)
    assert (placement.source.size, placement.target.size) == (size, frame)


@given(SIZE, SIZE)
def test_a_letterbox_shows_the_whole_image_as_large_as_possible_with_its_aspect(size, frame):
    placement = Frame(*frame, "letterbox").placement(*size)
    assert placement.source.size == size
    scale = min(frame[0] / size[0], frame[1] / size[1])
    for found, side in zip(placement.target.size, size, strict=True):
        assert abs(found - scale * side) <= 0.5 + 1e-9 or found == 1


@given(SIZE, SIZE)
def test_a_crop_fills_the_frame_with_as_much_of_the_image_as_has_its_aspect(size, frame):
    placement = Frame(*frame, "crop").placement(*size)
    assert placement.target.size == frame
    scale = max(frame[0] / size[0], frame[1] / size[1])
    for found, side in zip(placement.source.size, frame, strict=True):
        assert abs(found - side / scale) <= 0.5 + 1e-9 or found == 1


@given(SIZE, st.sampled_from(FITS))
def test_an_image_of_the_frame_s_size_is_placed_as_it_is(size, fit):
    placement = Frame(*size, fit).placement(*size)
    assert placement.source.size == placement.target.size == size


@given(SIZE, st.integers(1, 20), st.sampled_from(FITS))
def test_an_image_of_the_frame_s_aspect_is_neither_padded_nor_cropped(size, times, fit):
    placement = Frame(*size, fit).placement(times * size[0], times * size[1])
    assert placement.source.size == placement.size
    assert placement.target.size == size


@given(SIZE, SIZE)
def test_the_largest_window_of_an_aspect_touches_two_sides(shape, outer):
    height, width = inscribed(shape, outer)
    assert (height, width) <= outer
    assert height == outer[0] or width == outer[1]


@given(SIZE, st.integers(1, 2000) | st.none())
def test_images_at_their_own_aspect_are_reduced_but_never_enlarged_or_cut(size, longest_side):
    placement = OwnAspect(longest_side).placement(*size)
    assert placement.source.size == size
    assert placement.target.size == placement.frame.size
    if longest_side is None or max(size) <= longest_side:
        assert placement.target.size == size
        return
    assert max(placement.target.size) == longest_side
    for found, side in zip(placement.target.size, size, strict=True):
        assert abs(found - side * longest_side / max(size)) <= 0.5 or found == 1


@given(SMALL, SMALL, st.sampled_from(FITS), st.integers(0, 2**31 - 1))
@settings(deadline=None)
def test_pixels_are_placed_together_with_their_classes(size, frame, fit, seed):
    """The classes of an image of flat regions stay with the colors of the regions."""
    random = np.random.default_rng(seed)
    mask = np.full(size, random.integers(1, 5), np.uint8)
    placement = Frame(*frame, fit).placement(*size)
    image = np.full((*size, 3), int(mask[0, 0]), np.uint8)
    placed, classes = placement.image(image), placement.mask(mask)
    assert placed.shape == (*frame, 3)
    assert classes.shape == frame
    assert placed.dtype == classes.dtype == np.uint8
    inside = np.zeros(frame, bool)
    inside[placement.target.slices] = True
    assert (classes[inside] == mask[0, 0]).all()
    assert (placed[inside] == mask[0, 0]).all()
    assert (classes[~inside] == IGNORE).all()
    assert (placed[~inside] == PADDING_COLOR).all()


@given(SMALL, SMALL, st.integers(1, 6), st.sampled_from(FITS))
@settings(deadline=None)
def test_a_reduced_mask_has_the_class_at_the_middle_of_each_block(size, frame, seed, fit):
    """A mask of its own row and column numbers tells where each pixel comes from."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.uint8)
    placement = Frame(*frame, fit).placement(*size)
    source, target = placement.source, placement.target
    for numbers, axis in ((rows, 0), (columns, 1)):
        placed = placement.mask(numbers)[target.slices]
        scale = source.size[axis] / target.size[axis]
        middle = (np.arange(target.size[axis]) + 0.5) * scale + source.slices[axis].start - 0.5
        along = placed.max(1 - axis)
        assert (placed.min(1 - axis) == along).all()
        assert np.abs(along - middle).max() <= 0.5 + 1e-6


def test_masks_of_earlier_versions_have_the_class_of_the_corner_of_each_block():
    mask = np.random.default_rng(0).integers(0, 9, (61, 40), np.uint8)
    earlier = Frame.of(32, mask_pixel="corner").placement(61, 40)
    rows, columns = (np.arange(32) * 61) // 32, (np.arange(32) * 40) // 32
    assert np.array_equal(earlier.mask(mask), mask[rows[:, None], columns])
    assert not np.array_equal(earlier.mask(mask), Frame.of(32).placement(61, 40).mask(mask))


def test_the_filled_part_of_a_frame_is_that_without_padding():
    sizes = [(100, 50), (50, 50), (10, 40)]
    assert Frame(64, 64, "letterbox").filled(sizes) == pytest.approx([0.5, 1, 0.25])
    assert Frame(64, 64, "crop").filled(sizes).tolist() == [1, 1, 1]
    assert Frame(64, 64).filled(np.array(sizes)).tolist() == [1, 1, 1]


def test_a_size_is_one_number_or_two():
    assert sides(96) == sides([96, 96]) == (96, 96)
    assert Frame.of([96, 96]) == Frame.of(96)
    assert Frame.of([96, 96]).image_size == 96
    assert Frame.of([128, 96]).image_size == (128, 96)
