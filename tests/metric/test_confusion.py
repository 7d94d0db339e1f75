"""Pixel counts and the scores derived from them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clothseg.metric.class_scores import class_scores, image_iou
from clothseg.metric.confusion import image_confusion, image_counts

SCORES = ("precision", "recall", "f1", "iou")
matrices = st.integers(2, 5).flatmap(
    lambda k: hnp.arrays(np.int64, (k, k), elements=st.integers(0, 3) | st.integers(0, 1 << 40))
)


def confusion(prediction, target, classes):
    return image_confusion(torch.tensor(prediction), torch.tensor(target), classes)


def test_oracle_scores(case, close):
    matrix = confusion(case.prediction, case.target, case.classes).sum(0).numpy()
    np.testing.assert_array_equal(matrix, case.expect("cm"))
    scores = class_scores(matrix)
    for name in SCORES:
        close(getattr(scores, name), case.expect(name))
        close(scores.mean(name), case.expect(f"macro_{name}"))
        close(scores.mean(name, background=False), case.expect(f"macro_nobg_{name}"))
    close(scores.accuracy, case.expect("accuracy"))
    close(scores.mean_class_accuracy, case.expect("mean_class_accuracy"))
    close(scores.frequency_weighted_iou, case.expect("fw_iou"))
    close(scores.binary_iou, case.expect("binary_iou_fg"))
    close(scores.binary_iou_background, case.expect("binary_iou_bg"))
    close(scores.binary_mean_iou, case.expect("binary_miou"))
    assert scores.classes_counted == np.count_nonzero(~np.isnan(case.expect("iou")))


def test_oracle_image_iou(case, close):
    counts = image_counts(confusion(case.prediction, case.target, case.classes)).numpy()
    close(image_iou(counts), case.expect("image_iou"))
    np.testing.assert_array_equal(counts[:, 0] + counts[:, 2] > 0, case.expect("image_in_gt"))


@given(
    masks=hnp.arrays(
        np.uint8,
        st.tuples(st.just(2), st.integers(1, 3), st.integers(1, 4), st.integers(1, 5)),
        elements=st.sampled_from([0, 1, 2, 255]),
    )
)
def test_matrix_counts_each_valid_pixel(masks):
    prediction, target = np.where(masks[0] == 255, 0, masks[0]), masks[1]
    expected = np.zeros((len(target), 3, 3), np.int64)
    for image, row, column in np.ndindex(*target.shape):
        true, predicted = target[image, row, column], prediction[image, row, column]
        if true != 255:
            expected[image, true, predicted] += 1
    for dtype in (np.uint8, np.int64):
        actual = confusion(prediction.astype(dtype), target.astype(dtype), 3)
        assert actual.dtype == torch.int64
        np.testing.assert_array_equal(actual, expected)


def test_ignored_pixels_are_not_counted_whatever_their_prediction():
    target = np.full((1, 2, 2), 255, np.uint8)
    assert confusion(np.full((1, 2, 2), 9, np.uint8), target, 3).sum() == 0


@pytest.mark.parametrize(
    ("prediction", "target"), [(3, 0), (255, 0), (-1, 0), (0, 3), (0, 254), (0, -1), (1, -1)]
)
def test_invalid_ids_raise_instead_of_being_miscounted(prediction, target):
    with pytest.raises(ValueError, match="1 of 2 pixels have a class id outside 0 to 2"):
        confusion([[[0, prediction]]], [[[0, target]]], 3)


def test_different_shapes_raise_instead_of_being_broadcast():
    with pytest.raises(ValueError, match=r"\[1, 2, 2\].*\[3, 2, 2\]"):
        confusion(np.zeros((1, 2, 2), np.uint8), np.zeros((3, 2, 2), np.uint8), 2)


def test_scores_of_a_hand_computed_example():
    scores = class_scores(np.array([[6, 2, 0, 0], [1, 3, 0, 0], [4, 0, 0, 0], [0, 0, 0, 0]]))
    np.testing.assert_allclose(scores.precision, [6 / 11, 3 / 5, 0, np.nan])
    np.testing.assert_allclose(scores.recall, [6 / 8, 3 / 4, 0, np.nan])
    np.testing.assert_allclose(scores.f1, [12 / 19, 6 / 9, 0, np.nan])
    np.testing.assert_allclose(scores.iou, [6 / 13, 3 / 6, 0, np.nan])
    np.testing.assert_array_equal(scores.support, [8, 4, 4, 0])
    np.testing.assert_array_equal(scores.predicted, [11, 5, 0, 0])
    assert scores.classes_counted == 3
    assert scores.accuracy == 9 / 16
    assert scores.binary_iou == 3 / 10
    assert scores.mean("recall", background=False) == 0.375


def test_foreground_iou_is_zero_if_only_background_is_predicted():
    scores = class_scores(np.array([[80, 0], [20, 0]]))
    assert (scores.accuracy, scores.binary_iou) == (0.8, 0.0)


@given(matrix=matrices)
def test_iou_follows_from_f1(matrix):
    scores = class_scores(matrix)
    np.testing.assert_allclose(scores.iou, scores.f1 / (2 - scores.f1), rtol=1e-12)


@given(matrix=matrices)
def test_swapping_target_and_prediction_swaps_precision_and_recall(matrix):
    scores, swapped = class_scores(matrix), class_scores(matrix.T)
    np.testing.assert_array_equal(scores.precision, swapped.recall)
    np.testing.assert_array_equal(scores.iou, swapped.iou)
    np.testing.assert_array_equal(scores.f1, swapped.f1)
    assert scores.binary_iou == swapped.binary_iou or np.isnan(scores.binary_iou)


@given(matrix=matrices)
def test_scores_are_undefined_for_the_same_classes_and_otherwise_in_0_to_1(matrix):
    scores = class_scores(matrix)
    values = np.stack([getattr(scores, name) for name in SCORES])
    undefined = np.isnan(values)
    assert (undefined == undefined[0]).all()
    assert ((values >= 0) & (values <= 1))[~undefined].all()


@given(diagonal=hnp.arrays(np.int64, 4, elements=st.integers(0, 1000)))
def test_perfect_prediction_scores_1(diagonal):
    scores = class_scores(np.diag(diagonal))
    for name in SCORES:
        np.testing.assert_array_equal(getattr(scores, name), np.where(diagonal > 0, 1.0, np.nan))
