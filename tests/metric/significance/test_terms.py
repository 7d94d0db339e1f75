"""Sums over images give the scores of the scorecard."""

import numpy as np
import pytest

from clothseg.metric.average import image_mean
from clothseg.metric.class_scores import count_scores, image_iou
from clothseg.metric.names import APR, BOUNDARY_IOU, IOU, IOU_IMAGE, IOU_PLUS, SCORES
from clothseg.metric.significance import terms as module
from clothseg.metric.significance.terms import Terms, block_lengths, weighted_sums
from support.random_counts import Photos

FROM_COUNTS = [score for score in SCORES if score.from_matrix]
COUNTS = Photos(np.random.default_rng(0), 12).counts()
COUNTS = np.concatenate([COUNTS, np.zeros((12, 3, 1), np.int64)], axis=2)  # and an absent class


@pytest.mark.parametrize("score", FROM_COUNTS, ids=lambda score: score.key)
def test_scores_of_pixels_are_those_of_a_scorecard(score):
    expected = count_scores(COUNTS.sum(0))
    found = Terms.of_counts(COUNTS, score)
    if score.per_class:
        assert found.value == pytest.approx(expected.mean(score.key), abs=1e-15)
        by_class = Terms.of_counts(COUNTS, score, per_class=True).value
        np.testing.assert_array_equal(by_class, getattr(expected, score.key))
    else:
        assert found.value == pytest.approx(getattr(expected, score.key), abs=1e-15)


@pytest.mark.parametrize("score", FROM_COUNTS, ids=lambda score: score.key)
def test_many_sets_at_once_have_the_scores_of_each(score):
    terms = Terms.of_counts(COUNTS, score)
    sums = terms.images.reshape(3, 4, 3, 4).sum(1)
    np.testing.assert_allclose(terms.values(sums), [terms.values(s) for s in sums], rtol=1e-15)


def test_means_over_images_leave_out_undefined_values():
    values = image_iou(COUNTS)
    in_target = COUNTS[:, 0] + COUNTS[:, 2] > 0
    expected = image_mean(values, in_target)
    by_class = Terms.of_images(values, IOU_IMAGE, per_class=True).value
    np.testing.assert_allclose(by_class, expected, rtol=1e-14)
    assert Terms.of_images(values, IOU_IMAGE).value == pytest.approx(np.nanmean(expected))


def test_groups_of_images_keep_the_score():
    terms = Terms.of_counts(COUNTS, IOU)
    grouped = terms.grouped(np.array(["b", "a", "c"] * 4))
    np.testing.assert_array_equal(grouped.images[0], COUNTS[1::3].sum(0))
    assert grouped.images.shape == (3, 3, 4)
    assert grouped.value == terms.value
    np.testing.assert_array_equal(terms.grouped(np.arange(12)).images, terms.images)


def test_weights_are_multiplied_in_blocks(monkeypatch):
    weights = np.random.default_rng(0).integers(3, size=(7, 12)).astype(float)
    monkeypatch.setattr(module, "BLOCK", 25)
    lengths = list(block_lengths(7, 12))
    assert lengths == [2, 2, 2, 1]
    assert list(block_lengths(2, 100)) == [1, 1]
    blocks = np.split(weights, np.cumsum(lengths)[:-1])
    expected = np.einsum("bn,ntk->btk", weights, COUNTS)
    np.testing.assert_array_equal(weighted_sums(blocks, COUNTS.astype(float)), expected)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Terms.of_counts(COUNTS[0], IOU), r"\[3, 4\] must be \[N,3,K\]"),
        (lambda: Terms.of_counts(COUNTS[:, :2], IOU), r"\[12, 2, 4\] must be \[N,3,K\]"),
        (lambda: Terms.of_counts(COUNTS, IOU_PLUS), r"mean IoU\+ does not follow from pixel"),
        (lambda: Terms.of_counts(COUNTS, SCORES[0], per_class=True), "accuracy does not exist per"),
        (lambda: Terms.of_counts(COUNTS[:0], IOU), "no image"),
        (lambda: Terms.of_images(COUNTS, IOU_PLUS), r"must be \[N,K\]"),
        (lambda: Terms.of_images(COUNTS[:, 0], IOU), "mean IoU is not a mean over images"),
        (lambda: Terms.of_images(COUNTS[:, 0], BOUNDARY_IOU), "is not a mean over images"),
        (lambda: Terms.of_images(COUNTS[:, 0], APR), "is not a mean over images"),
    ],
)
def test_scores_that_are_no_function_of_these_sums_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
