"""Boundary IoU."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clothseg.metric.boundary import boundary_counts, boundary_width

sizes = st.tuples(st.integers(1, 90), st.integers(1, 90))


def reference_band(mask, class_id):
    """Subtract from a class its pixelwise erosion; pixels outside the image are not the class."""
    inside = (mask == class_id).astype(np.uint8)
    eroded = cv2.erode(
        np.pad(inside, 1), np.ones((3, 3), np.uint8), iterations=boundary_width(*mask.shape)
    )
    return (inside == 1) & (eroded[1:-1, 1:-1] == 0)


def test_oracle_counts(case, close):
    pairs = zip(case.prediction, case.target, strict=True)
    intersection, union = sum(boundary_counts(*pair, case.classes) for pair in pairs)
    np.testing.assert_array_equal(intersection, case.expect("boundary_inter"))
    np.testing.assert_array_equal(union, case.expect("boundary_union"))
    expected_widths = case.expect("boundary_d")
    assert {boundary_width(*case.target.shape[1:])} == set(expected_widths.tolist())


@pytest.mark.parametrize(("shape", "width"), [((1, 1), 1), ((320, 320), 9), ((825, 550), 20)])
def test_band_is_two_percent_of_the_diagonal(shape, width):
    assert boundary_width(*shape) == width


@given(shape=sizes, seed=st.integers(0, 1000))
def test_counts_equal_eroding_each_class(shape, seed):
    rng = np.random.default_rng(seed)
    coarse = rng.choice([0, 1, 2, 255], (2, 3, 3)).astype(np.uint8)
    prediction, target = (
        cv2.resize(mask, shape[::-1], interpolation=cv2.INTER_NEAREST) for mask in coarse
    )
    prediction[prediction == 255] = 0
    intersection, union = boundary_counts(prediction, target, 3)
    prediction = np.where(target == 255, target, prediction)
    for class_id in range(3):
        predicted, true = reference_band(prediction, class_id), reference_band(target, class_id)
        assert intersection[class_id] == (predicted & true).sum()
        assert union[class_id] == (predicted | true).sum()


@given(mask=hnp.arrays(np.uint8, sizes, elements=st.integers(0, 2)))
def test_perfect_prediction_has_equal_intersection_and_union(mask):
    intersection, union = boundary_counts(mask, mask, 3)
    np.testing.assert_array_equal(intersection, union)
    np.testing.assert_array_equal(union > 0, np.isin(np.arange(3), mask))
