"""Image sizes that label pooling covers."""

import pytest

from clothseg.loss.pooling_sizes import pooling_problem
from support.slow_label_pooling import window_spans


def is_covered(side):
    """Whether every pixel along a side is in a window of every level."""
    return all(
        {pixel for span in spans for pixel in range(*span)} == set(range(side))
        for spans in window_spans(side)
    )


def test_sizes_without_a_problem_are_those_whose_pixels_are_in_windows_of_all_levels():
    for side in range(1, 420):
        assert (pooling_problem(side, 224) is None) == is_covered(side), side
        assert (pooling_problem(224, side) is None) == is_covered(side), side


@pytest.mark.parametrize(
    ("size", "side", "nearest"),
    [
        ((288, 224), "a height of 288 px", "such as 256 or 320"),
        ((224, 384), "a width of 384 px", "such as 352 or 416"),
        ((225, 224), "a height of 225 px", "such as 224 or 256"),
        ((128, 224), "a height of 128 px", "such as 224"),
    ],
)
def test_a_problem_names_the_side_and_the_nearest_that_fit(size, side, nearest):
    problem = pooling_problem(*size)
    assert side in problem
    assert problem.endswith(nearest)
