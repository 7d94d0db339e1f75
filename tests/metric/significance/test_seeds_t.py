"""The t-test over seeds and images."""

import numpy as np
import pytest
from scipy import stats

from clothseg.metric.names import IOU
from clothseg.metric.significance.bootstrap import Draws
from clothseg.metric.significance.seeds_t import seeds_t_test
from clothseg.metric.significance.terms import Terms
from support.random_counts import Photos


def networks(photos, skills):
    return [Terms.of_counts(photos.counts(skill), IOU) for skill in skills]


def test_without_chance_of_images_it_is_the_t_test():
    """All images are equal, so that every draw has the same score."""
    rng = np.random.default_rng(0)
    counts = [np.tile([[90 + k, 3], [5, 7], [8, 9]], (50, 1, 1)) for k in rng.integers(9, size=7)]
    terms = [Terms.of_counts(one, IOU) for one in counts]
    found = seeds_t_test(terms[:3], terms[3:], Draws(50))
    values = [float(one.value) for one in terms]
    expected = stats.ttest_ind(values[:3], values[3:])
    assert found.p == pytest.approx(expected.pvalue)
    limits = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((limits.low, limits.high))


def test_without_chance_of_seeds_it_is_the_bootstrap_over_images():
    photos = Photos(np.random.default_rng(1), 300)
    (a, b), draws = networks(photos, (0.01, 0)), Draws(300)
    found = seeds_t_test([a, a], [b, b], draws)
    drawn = draws.scores(a) - draws.scores(b)
    z = (a.value - b.value) / drawn.std()
    assert found.p == pytest.approx(2 * stats.t.sf(abs(z), 299))


def test_classes_have_a_test_each_and_undefined_ones_none():
    photos = Photos(np.random.default_rng(2), 50)
    counts = [photos.counts() for _ in range(4)]
    for one in counts:
        one[:, :, 1] = 0
    terms = [Terms.of_counts(one, IOU, per_class=True) for one in counts]
    found = seeds_t_test(terms[:2], terms[2:], Draws(50))
    assert np.isnan(found.p).tolist() == [False, True, False]
    assert (found.low <= found.difference)[[0, 2]].all()


def test_two_equal_networks_are_not_told_apart():
    one = networks(Photos(np.random.default_rng(3), 20), [0])
    assert seeds_t_test(one * 2, one * 2, Draws(20)).p == 1


def test_single_networks_of_both_are_refused():
    one = networks(Photos(np.random.default_rng(4), 20), [0])
    with pytest.raises(ValueError, match="does not show the chance of seeds"):
        seeds_t_test(one, one, Draws(20))
