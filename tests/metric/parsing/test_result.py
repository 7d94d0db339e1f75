"""Scores of human parsing as columns of a card, however pictures are divided among processes."""

import math

import numpy as np
import pytest

from clothseg.metric.names import PARTS, task_scores
from clothseg.metric.parsing.result import ParsingMetric
from clothseg.metric.parsing.scores import ParsingScores, PredictedPicture, Rules
from clothseg.metric.scorecard import scorecard
from clothseg.task.pictures import true_picture
from support.small_parser import VALUES, picture

SIZES = [(40, 60, 3), (32, 32, 0), (50, 40, 2), (32, 64, 4), (40, 40, 1)]


def pairs():
    """Ground truth of pictures, and predictions that are shifted by some pixels."""
    for number, size in enumerate(SIZES):
        _, maps = picture(*size, seed=number)
        truth = true_picture(maps, VALUES)
        shifted = np.roll(maps, 3, 2)
        found = true_picture(shifted, VALUES)
        numbers = [n for n in np.unique(shifted[1]) if n]
        people = [np.where(shifted[1] == n, shifted[0], 0) for n in numbers]
        # The same scores in several pictures: their ranks depend on the order of the pictures.
        scores = np.array([0.5 + 0.1 * (n % 2) for n in numbers])
        yield number, truth, PredictedPicture(found.maps, found.instances, people, scores)


@pytest.fixture(scope="module")
def metric():
    metric = ParsingMetric(VALUES, Rules())
    for one in pairs():
        metric.update(*one)
    return metric


def test_columns_are_the_numbers_of_the_block(metric):
    scores = metric.compute()
    card = scorecard(scores, VALUES[PARTS])
    block = card["parsing"]
    assert card["apr"] == block["apr"]["vol"]
    assert card["app"] == block["app"]["vol"]
    assert card["pcp"] == block["pcp"]["at_50"]
    assert card["mean"]["iou"] == pytest.approx(block["miou"])
    assert scores.columns().keys() == {score.key for score in task_scores("parsing")}
    assert block.keys() == {
        *("num_images", "miou", "miou_foreground", "miou_per_image", "iou", "iou_per_image"),
        *("apr", "app", "pcp", "person_ap", "apcr", "characteristics"),
    }
    assert card["num_images"] == block["num_images"] == len(SIZES)


@pytest.mark.parametrize("processes", [2, 3])
def test_the_division_among_processes_has_no_effect(metric, processes):
    parts = [ParsingScores(VALUES, Rules()) for _ in range(processes)]
    for index, truth, predicted in reversed(list(pairs())):
        parts[index % processes].add(truth, predicted, index)
    assert ParsingScores.joined(parts).card() == metric.compute().parsing


def test_scores_that_are_undefined_are_missing():
    metric = ParsingMetric(VALUES, Rules())
    index, truth, predicted = next(pairs())
    without = PredictedPicture(predicted.maps, predicted.instances, None, predicted.scores)
    metric.update(index, truth, without)
    scores = metric.compute()
    assert math.isnan(scores.app)
    card = scorecard(scores, VALUES[PARTS])
    assert card["app"] is card["pcp"] is card["parsing"]["person_ap"] is None
    metric.reset()
    assert metric.parsing.pictures == []


def test_perfect_predictions_are_perfect():
    metric = ParsingMetric(VALUES, Rules())
    _, maps = picture(60, 60, 3)
    truth = true_picture(maps, VALUES)
    people = [np.where(maps[1] == n, maps[0], 0) for n in (1, 2, 3)]
    metric.update(0, truth, PredictedPicture(truth.maps, truth.instances, people, np.ones(3)))
    scores = metric.compute()
    assert (scores.apr, scores.app, scores.pcp) == (1, 1, 1)
    assert scores.parsing["apcr"]["size"]["per_class"]["Short/small"] == 1


def test_ignored_pixels_belong_to_no_one():
    """A prediction that is right on all valid pixels is perfect, whatever it says elsewhere."""
    _, maps = picture(60, 60, 3)
    ignored = np.zeros((60, 60), bool)
    ignored[:30, 10:50] = True
    labeled = np.where(ignored, 255, maps[0]).astype(np.uint8)
    truth = true_picture(np.stack([labeled, *maps[1:]]), VALUES)
    whole = true_picture(maps, VALUES)
    people = [np.where(maps[1] == n, maps[0], 0) for n in (1, 2, 3)]
    metric = ParsingMetric(VALUES, Rules())
    metric.update(0, truth, PredictedPicture(whole.maps, whole.instances, people, np.ones(3)))
    scores = metric.compute()
    assert scores.parsing["miou"] == 1
    found = {
        c: v
        for c, v in scores.parsing["apr"]["per_class"].items()
        if (labeled == VALUES[PARTS].index(c)).any()
    }
    assert set(found.values()) == {1.0}
    assert (scores.app, scores.pcp) == (1, 1)


def test_the_iou_of_a_class_over_pictures_is_the_mean_of_those_in_which_it_occurs(metric):
    block = metric.compute().parsing
    rows = []
    for _, truth, predicted in pairs():
        one = ParsingScores(VALUES, Rules())
        one.add(truth, predicted)
        rows.append(one.card())
    for name in VALUES[PARTS]:
        values = [row["iou"][name] for row in rows if row["iou"][name] is not None]
        assert block["iou_per_image"][name] == pytest.approx(np.mean(values))
