"""Corrected resampled t-test against a published example, the plain t-test, and its own model."""

import numpy as np
import pytest
from scipy import stats

from clothseg.metric.significance.resampled_t import resampled_t_test
from support.random_counts import at_most

# Published by scikit-learn in "Statistical comparison of models using grid search": ROC AUC of
# support vector machines in ten repetitions of ten folds of 100 points. The AUC of a fold of 5 + 5
# points is a multiple of 1/25; these are the frequencies of the differences, counted by running it.
EXAMPLE = {
    ("rbf", "linear"): {-3: 1, -2: 2, -1: 10, 0: 53, 1: 29, 2: 4, 5: 1},
    ("rbf", "poly 3"): {-2: 2, -1: 10, 0: 37, 1: 25, 2: 11, 3: 9, 4: 3, 5: 2, 7: 1},
    ("linear", "poly 3"): {
        **{-3: 1, -2: 2, -1: 13, 0: 50, 1: 10, 2: 11},
        **{3: 6, 4: 4, 5: 1, 6: 1, 7: 1},
    },
}
DIFFERENCES = np.array([0.03, -0.01, 0.02, 0.015, 0.0, 0.04])


def example(pair):
    differences = np.repeat(np.array([*EXAMPLE[pair]]) / 25, [*EXAMPLE[pair].values()])
    assert len(differences) == 100
    return resampled_t_test(differences, 90, 10)


def test_the_published_example():
    found = example(("rbf", "linear"))
    assert found.difference == pytest.approx(0.01)
    assert round(found.t, 3) == 0.750
    assert round(found.p / 2, 3) == 0.227  # the page tests one side
    assert (round(found.low, 6), round(found.high, 6)) == (-0.016445, 0.036445)


@pytest.mark.parametrize(
    ("pair", "t", "bonferroni"),
    [(("rbf", "poly 3"), 1.657, 0.302), (("linear", "poly 3"), 1.111, 0.807)],
)
def test_the_published_pairs(pair, t, bonferroni):
    found = example(pair)
    assert round(found.t, 3) == t
    assert round(6 * found.p / 2, 3) == bonferroni  # six pairs, one side


def test_the_correction_widens_the_plain_t_test():
    plain = stats.ttest_1samp(DIFFERENCES, 0)
    found = resampled_t_test(DIFFERENCES, 80, 20, confidence=0.9)
    wider = np.sqrt((1 / 6 + 20 / 80) / (1 / 6))
    assert found.t == pytest.approx(plain.statistic / wider)
    assert found.p == pytest.approx(2 * stats.t.sf(found.t, 5))
    limits = plain.confidence_interval(0.9)
    assert found.high - found.low == pytest.approx(wider * (limits.high - limits.low))


def test_the_interval_ends_where_the_p_value_is_one_minus_the_confidence():
    found = resampled_t_test(DIFFERENCES, 80, 20, confidence=0.9)
    for limit in (found.low, found.high):
        assert resampled_t_test(DIFFERENCES - limit, 80, 20).p == pytest.approx(0.1)


def test_the_other_way_round_the_sign_changes():
    found, back = (resampled_t_test(sign * DIFFERENCES, 80, 20) for sign in (1, -1))
    assert (back.difference, back.t, back.p) == (-found.difference, -found.t, found.p)
    assert (back.low, back.high) == (-found.high, -found.low)


def test_undefined_differences_are_left_out():
    with_undefined = np.insert(DIFFERENCES, 2, np.nan)
    expected = resampled_t_test(DIFFERENCES, 80, 20)
    assert resampled_t_test(with_undefined, 80, 20) == expected


@pytest.mark.parametrize("differences", [[], [0.1], [0.1, np.nan]])
def test_fewer_than_two_differences_have_no_result(differences):
    found = resampled_t_test(np.array(differences), 80, 20)
    assert np.isnan([found.difference, found.low, found.high, found.t, found.p]).all()


@pytest.mark.parametrize(
    ("value", "p", "t"), [(0.0, 1, np.nan), (0.5, 0, np.inf), (-0.5, 0, -np.inf)]
)
def test_differences_that_do_not_vary(value, p, t):
    found = resampled_t_test(np.full(4, value), 80, 20)
    assert (found.difference, found.low, found.high, found.p) == (value, value, value, p)
    np.testing.assert_equal(found.t, t)


@pytest.mark.parametrize("sizes", [(0, 20), (80, 0)])
def test_parts_without_images_are_refused(sizes):
    with pytest.raises(ValueError, match="must be positive"):
        resampled_t_test(DIFFERENCES, *sizes)


def correlated_differences(repetitions, mean=0.0):
    """Differences of fifteen runs whose correlation is n_test / (n_test + n_train), 1/5."""
    generator = np.random.default_rng(11)
    common = generator.normal(size=(repetitions, 1))
    own = generator.normal(size=(repetitions, 15))
    return mean + np.sqrt(0.2) * common + np.sqrt(0.8) * own


def test_equal_configurations_are_told_apart_in_five_percent_under_the_assumed_correlation():
    rows = correlated_differences(2000)
    found = sum(resampled_t_test(row, 80, 20).p <= 0.05 for row in rows)
    # Under this model the statistic has exactly a t distribution.
    assert 2000 - at_most(0.95, 2000) <= found <= at_most(0.05, 2000)
    plain = (stats.ttest_1samp(rows, 0, axis=1).pvalue <= 0.05).sum()
    assert plain > 5 * at_most(0.05, 2000)


def test_a_real_difference_is_found():
    rows = correlated_differences(50, mean=3.0)
    assert sum(resampled_t_test(row, 80, 20).p <= 0.05 for row in rows) >= 45
