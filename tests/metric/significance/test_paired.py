"""Paired comparisons against enumeration, symmetries, and simulated networks."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clothseg.metric.class_scores import count_scores
from clothseg.metric.names import ACCURACY, F1, IOU
from clothseg.metric.significance.bootstrap import Draws
from clothseg.metric.significance.paired import difference, permutation_test
from clothseg.metric.significance.terms import Terms
from support.random_counts import Photos, at_most

IMAGES = arrays(np.int64, (5, 3, 2), elements=st.integers(0, 9))


def two_networks(images, skill=0.0, seed=0):
    photos = Photos(np.random.default_rng(seed), images)
    return photos.counts(), photos.counts(skill)


def terms_of(*networks, score=IOU, per_class=False):
    return [Terms.of_counts(counts, score, per_class) for counts in networks]


def enumerated(one, other, score):
    """Permutations one by one: [2^N,K] differences per class, and [2^N] of their means."""
    pairs = []
    for swaps in product([False, True], repeat=len(one)):
        swapped = np.array(swaps)[:, None, None]
        sums = (np.where(swapped, b, a).sum(0) for a, b in ((one, other), (other, one)))
        pairs.append([count_scores(counts) for counts in sums])
    by_class = np.array([getattr(a, score) - getattr(b, score) for a, b in pairs])
    return by_class, np.array([a.mean(score) - b.mean(score) for a, b in pairs])


@pytest.mark.parametrize("score", [IOU, F1])
@pytest.mark.parametrize("seed", range(3))
def test_few_images_are_enumerated(score, seed):
    one, other = two_networks(7, 0.05, seed)
    for found, per_class in zip(enumerated(one, other, score.key), (True, False), strict=True):
        expected = (np.abs(found) >= np.abs(found[0]) - 1e-12).mean(0)
        terms = terms_of(one, other, score=score, per_class=per_class)
        np.testing.assert_allclose(permutation_test(*terms), expected, rtol=1e-15)


def test_random_permutations_estimate_the_enumeration():
    terms = terms_of(*two_networks(12, 0.05))
    exact, number = permutation_test(*terms, permutations=5000), 4000  # 2^12 = 4096
    random = permutation_test(*terms, permutations=number)
    assert 0.01 < exact < 0.5
    assert abs(random - exact) < 4 * np.sqrt(exact * (1 - exact) / number) + 1 / number


def test_one_of_all_swaps_is_as_extreme_as_the_largest_difference():
    correct = np.ones((8, 1, 1), np.int64) * np.array([[[9], [0], [1]]])
    wrong = correct[:, ::-1]
    assert permutation_test(*terms_of(correct, wrong, score=ACCURACY)) == 2 / 2**8


def test_a_random_p_value_is_never_zero():
    terms = terms_of(*two_networks(60, 0.3))
    assert permutation_test(*terms, permutations=199) == 1 / 200


def test_the_interval_is_that_of_the_differences_of_the_same_draws():
    one, other = terms_of(*two_networks(30, 0.02))
    draws = Draws(30, 500)
    found = difference(one, other, draws, confidence=0.8)
    drawn = draws.scores(one) - draws.scores(other)
    np.testing.assert_allclose([found.low, found.high], np.quantile(drawn, [0.1, 0.9]))
    assert found.value == one.value - other.value
    separate = np.quantile(draws.scores(one), [0.1, 0.9])
    assert found.high - found.low < separate[1] - separate[0]  # all have the same hard images


@given(images=IMAGES)
def test_equal_networks_do_not_differ(images):
    for per_class in (False, True):
        terms = terms_of(images, images, per_class=per_class)
        p = permutation_test(*terms)
        found = difference(*terms, Draws(5, 20))
        defined = ~np.isnan(terms[0].value)
        assert (p[defined] == 1).all()
        assert np.isnan(p[~defined]).all()
        for limit in (found.value, found.low, found.high):
            np.testing.assert_array_equal(limit, np.where(defined, 0, np.nan))


@given(one=IMAGES, other=IMAGES, permutations=st.sampled_from([10, 100]))
def test_the_other_way_round_the_sign_changes_and_nothing_else(one, other, permutations):
    forth, back = terms_of(one, other), terms_of(other, one)
    np.testing.assert_array_equal(
        permutation_test(*forth, permutations), permutation_test(*back, permutations)
    )
    there, again = (difference(*terms, Draws(5, 20)) for terms in (forth, back))
    np.testing.assert_array_equal(there.value, -again.value)
    np.testing.assert_allclose(there.low, -again.high, atol=1e-15)


@given(one=IMAGES, other=IMAGES, order=st.permutations(range(5)))
def test_the_order_of_images_does_not_matter(one, other, order):
    shuffled = terms_of(one[order], other[order])
    p = permutation_test(*terms_of(one, other))
    np.testing.assert_array_equal(permutation_test(*shuffled), p)


def test_permutations_that_leave_a_class_undefined_count_against_a_difference():
    one, other = np.zeros((2, 2, 3, 2), np.int64)
    one[:, 0, 0] = other[:, 0, 0] = 4
    one[0, 1, 1] = other[1, 1, 1] = 5  # predicted in different images, where there is none
    p = permutation_test(*terms_of(one, other, per_class=True))
    np.testing.assert_array_equal(p, [1, 1])
    other[1, 1, 1] = 0
    np.testing.assert_array_equal(
        permutation_test(*terms_of(one, other, per_class=True)), [1, np.nan]
    )


def test_scores_that_cannot_be_compared_are_refused():
    one, other = two_networks(6)
    for terms in (
        terms_of(one, other[:5]),
        [*terms_of(one), *terms_of(other, score=F1)],
        [*terms_of(one), *terms_of(other, per_class=True)],
    ):
        with pytest.raises(ValueError, match="not the same score of the same images"):
            permutation_test(*terms)
        with pytest.raises(ValueError, match="not the same score of the same images"):
            difference(*terms, Draws(6))


def found_differences(repetitions, simulate, permutations=199):
    """Number of simulations in which two networks are told apart at 5 %.

    Each has permutations of its own: the level is that of all random permutations, not of one set.
    """
    generator = np.random.default_rng(7)
    p_values = [
        permutation_test(*simulate(generator), permutations, seed) for seed in range(repetitions)
    ]
    return np.count_nonzero(np.array(p_values) <= 0.05)


@pytest.mark.parametrize(("images", "permutations"), [(8, 256), (40, 199)])
def test_equal_networks_are_told_apart_in_five_percent_at_most(images, permutations):
    def simulate(generator):
        photos = Photos(generator, images)
        return terms_of(photos.counts(), photos.counts())

    assert found_differences(400, simulate, permutations) <= at_most(0.05, 400)


def test_a_real_difference_is_found():
    def simulate(generator):
        photos = Photos(generator, 40)
        return terms_of(photos.counts(), photos.counts(0.1))

    assert found_differences(50, simulate) >= 45


def seeds(generator, as_runs):
    """Two equal configurations, eight runs each; the luck of a seed concerns all its images."""
    runs, images = 8, 20
    photos = [Photos(generator, images) for _ in range(runs)]
    luck = generator.normal(0, 0.05, (2, runs))
    both = [
        np.concatenate([p.counts(skill) for p, skill in zip(photos, skills, strict=True)])
        for skills in luck
    ]
    terms = terms_of(*both)
    return [t.grouped(np.repeat(np.arange(runs), images)) for t in terms] if as_runs else terms


def test_seeds_are_told_from_seeds_in_five_percent_at_most_if_whole_runs_are_exchanged():
    limit = at_most(0.05, 200)
    assert found_differences(200, lambda generator: seeds(generator, as_runs=True)) <= limit
    assert found_differences(200, lambda generator: seeds(generator, as_runs=False)) > 2 * limit
