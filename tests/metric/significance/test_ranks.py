"""Ranks of many networks, and those that cannot be told from the best."""

import numpy as np
import pytest

from clothseg.metric.names import IOU
from clothseg.metric.significance.bootstrap import Draws
from clothseg.metric.significance.holm import holm
from clothseg.metric.significance.paired import permutation_test
from clothseg.metric.significance.ranks import ranking
from clothseg.metric.significance.terms import Terms
from support.random_counts import Photos, at_most


def networks(skills, images=60, generator=None):
    photos = Photos(generator or np.random.default_rng(0), images)
    return [Terms.of_counts(photos.counts(skill), IOU) for skill in skills]


def test_the_best_is_found_together_with_what_cannot_be_told_from_it():
    found = ranking(networks([0.1, -0.1, 0.099, 0]), Draws(60), permutations=999)
    np.testing.assert_array_equal(found.best, [True, False, True, False])
    assert set(np.argsort(found.scores)[2:]) == {0, 2}
    np.testing.assert_allclose(found.mean_ranks[[1, 3]], [4, 3], atol=0.01)
    assert found.best_fraction[[0, 2]].sum() == pytest.approx(1)
    assert (found.best_fraction[[0, 2]] > 0).all()


def test_ranks_are_those_of_each_draw():
    nets, draws = networks([0, 0, 0]), Draws(60, 50)
    found = ranking(nets, draws, permutations=99)
    drawn = np.array([draws.scores(network) for network in nets]).T
    expected = [[1 + sum(other > own for other in row) for own in row] for row in drawn]
    np.testing.assert_array_equal(found.drawn_ranks, expected)
    first = np.bincount(drawn.argmax(1), minlength=3) / 50
    np.testing.assert_allclose(found.best_fraction, first)


def test_equal_networks_share_ranks():
    one, worse = networks([0, -0.5])
    found = ranking([one, worse, one], Draws(60, 50), permutations=99)
    np.testing.assert_array_equal(found.drawn_ranks, [[1.5, 3, 1.5]] * 50)
    np.testing.assert_array_equal(found.best_fraction, [0.5, 0, 0.5])
    np.testing.assert_array_equal(found.best, [True, False, True])
    assert found.p_values[0, 2] == 1


def test_all_pairs_are_adjusted_together():
    nets = networks([0, 0.02, 0.04])
    found = ranking(nets, Draws(60, 10), permutations=199, seed=4)
    pairs = [(0, 1), (0, 2), (1, 2)]
    tests = np.array([permutation_test(nets[i], nets[j], 199, 4) for i, j in pairs])
    np.testing.assert_array_equal([found.p_values[pair] for pair in pairs], holm(tests))
    np.testing.assert_array_equal(found.p_values, found.p_values.T)
    assert np.isnan(np.diagonal(found.p_values)).all()


def test_of_equal_networks_any_is_told_from_the_best_in_five_percent_at_most():
    generator, repetitions = np.random.default_rng(3), 120
    told = 0
    for seed in range(repetitions):
        nets = networks([0] * 4, 20, generator)
        told += not ranking(nets, Draws(20, 2), permutations=299, seed=seed).best.all()
    assert told <= at_most(0.05, repetitions)


@pytest.mark.parametrize(
    ("nets", "permutations", "message"),
    [
        (networks([0]), 99, "fewer than two"),
        (networks([0] * 5), 198, "198 permutations .* 10 pairs .* at least 199"),
        ([Terms.of_counts(np.ones((60, 3, 2), int), IOU, True)] * 2, 99, "only defined scores"),
        ([Terms.of_counts(np.zeros((60, 3, 2), int), IOU)] * 2, 99, "only defined scores"),
    ],
)
def test_networks_that_cannot_be_ranked_are_refused(nets, permutations, message):
    with pytest.raises(ValueError, match=message):
        ranking(nets, Draws(60), permutations)
