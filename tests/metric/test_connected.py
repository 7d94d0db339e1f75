"""IoU+ and the connected components it is based on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from clothseg.metric.connected import connected_components, connected_scores

STRUCTURES = {4: ndimage.generate_binary_structure(2, 1), 8: np.ones((3, 3))}
small_shapes = st.tuples(st.integers(1, 7), st.integers(1, 7))


def masks(*values):
    return hnp.arrays(np.uint8, small_shapes, elements=st.sampled_from(values))


mask_pairs = small_shapes.flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.uint8, shape, elements=st.integers(0, 2)),
        hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, 255])),
    )
)


def reference_scores(prediction, target, classes, connectivity):
    """Evaluate Eq. 11 and 12 literally: compare every component with every component."""
    scores = np.full(classes, np.nan)
    for class_id in range(classes):
        sides = []
        for mask in (prediction, target):
            inside = (mask == class_id) & (target != 255)
            labels, number = ndimage.label(inside, STRUCTURES[connectivity])
            sides.append([labels == i + 1 for i in range(number)])
        if any(sides):
            scores[class_id] = 0.0
        if all(sides):
            table = np.array([[(u & v).sum() / (u | v).sum() for v in sides[1]] for u in sides[0]])
            scores[class_id] = min(table.max(1).mean(), table.max(0).mean())
    return scores


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("conjunction", ["min", "product"])
def test_oracle_scores(case, close, connectivity, conjunction):
    actual = [
        connected_scores(*pair, case.classes, connectivity, conjunction)
        for pair in zip(case.prediction, case.target, strict=True)
    ]
    close(np.stack(actual), case.expect(f"ss_c{connectivity}_{conjunction}"))


@pytest.mark.parametrize("connectivity", [4, 8])
def test_oracle_numbers_of_components(case, connectivity):
    expected = case.expect(f"components_c{connectivity}")
    for prediction, target, numbers in zip(case.prediction, case.target, expected, strict=True):
        prediction = np.where(target == 255, target, prediction)
        for mask, number in zip((prediction, target), numbers.T, strict=True):
            components = connected_components(mask, connectivity)
            actual = np.bincount(components.classes, minlength=256)[: case.classes]
            np.testing.assert_array_equal(actual, number)


@pytest.mark.parametrize("connectivity", [4, 8])
@given(mask=masks(0, 1, 255))
def test_components_equal_those_of_labeling_each_value(connectivity, mask):
    components = connected_components(mask, connectivity)
    labels = components.component[components.run]
    np.testing.assert_array_equal(components.classes[labels], mask)
    np.testing.assert_array_equal(np.bincount(labels.ravel()), components.sizes)
    for value in np.unique(mask):
        expected, number = ndimage.label(mask == value, STRUCTURES[connectivity])
        pairs = {(a, b) for a, b in zip(labels.flat, expected.flat, strict=True) if b}
        assert len(pairs) == number == np.count_nonzero(components.classes == value)


@pytest.mark.parametrize("connectivity", [4, 8])
@given(pair=mask_pairs)
def test_scores_equal_the_literal_equations(connectivity, pair):
    actual = connected_scores(*pair, 3, connectivity)
    np.testing.assert_allclose(actual, reference_scores(*pair, 3, connectivity), atol=1e-12)


@given(pair=mask_pairs)
def test_scores_are_symmetric_without_ignored_pixels(pair):
    prediction, target = pair[0], np.where(pair[1] == 255, 0, pair[1])
    np.testing.assert_array_equal(
        connected_scores(prediction, target, 3), connected_scores(target, prediction, 3)
    )


@given(mask=masks(0, 1, 2))
def test_perfect_prediction_scores_1(mask):
    expected = np.where(np.isin(np.arange(4), mask), 1.0, np.nan)
    np.testing.assert_array_equal(connected_scores(mask, mask, 4), expected)


def test_single_wrong_pixel_halves_iou_plus():
    target = np.zeros((20, 20), np.uint8)
    target[5:15, 5:15] = 1
    prediction = target.copy()
    prediction[0, 0] = 1
    assert connected_scores(prediction, target, 2)[1] == 0.5


def test_score_of_a_fully_ignored_image_is_undefined():
    target = np.full((3, 4), 255, np.uint8)
    assert np.isnan(connected_scores(np.zeros_like(target), target, 2)).all()
