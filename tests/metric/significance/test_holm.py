"""Holm's adjustment against the procedure step by step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clothseg.metric.significance.holm import holm
from support.random_counts import at_most

P_VALUES = arrays(np.float64, st.integers(0, 7), elements=st.sampled_from([0, 0.01, 0.02, 0.3, 1]))


def rejected(p_values, alpha):
    """Tests that are significant: from the smallest, up to the first that is not."""
    found = np.zeros(len(p_values), bool)
    for step, test in enumerate(np.argsort(p_values)):
        if p_values[test] * (len(p_values) - step) > alpha:
            break
        found[test] = True
    return found


def test_by_hand():
    # 4 * 0.005, 3 * 0.01, 2 * 0.03, and 1 * 0.04, which is below the one before
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])


def test_one_test_is_not_adjusted():
    np.testing.assert_array_equal(holm(np.array([0.04])), [0.04])


@given(p_values=P_VALUES, alpha=st.sampled_from([0.005, 0.05, 0.07, 0.5]))
def test_adjusted_values_are_significant_where_the_procedure_says_so(p_values, alpha):
    np.testing.assert_array_equal(holm(p_values) <= alpha, rejected(p_values, alpha))


@given(p_values=P_VALUES)
def test_adjusted_values_keep_the_order_and_are_at_most_those_of_bonferroni(p_values):
    adjusted = holm(p_values)
    order = np.argsort(p_values)
    assert (np.diff(adjusted[order]) >= 0).all()
    assert (adjusted >= p_values).all()
    assert (adjusted <= np.minimum(len(p_values) * p_values, 1)).all()


def test_undefined_values_are_no_tests_and_the_shape_is_kept():
    p_values = np.array([[np.nan, 0.01], [0.02, np.nan]])
    np.testing.assert_allclose(holm(p_values), [[np.nan, 0.02], [0.02, np.nan]])
    assert np.isnan(holm(np.full(3, np.nan))).all()


def test_one_or_more_false_findings_among_equal_ones_in_five_percent_at_most():
    p_values = np.random.default_rng(0).random((2000, 10))
    assert (p_values <= 0.05).any(1).mean() > 0.35  # 1 - 0.95^10 = 0.40
    assert sum((holm(row) <= 0.05).any() for row in p_values) <= at_most(0.05, 2000)
    assert holm(np.array([0.001] + [0.5] * 9))[0] == pytest.approx(0.01)
