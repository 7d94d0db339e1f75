"""Ranking of epochs and of configurations by validation scores."""

import math
from functools import cmp_to_key

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clothseg.metric.names import ACCURACY, IOU, LOSS
from clothseg.metric.selection import Selection, mean_score, rank, validation_score

VALUES = st.sampled_from([math.nan, 0.0, 0.25, 0.5, 1.0, math.inf])


def better(one, other, monitor):
    """Literal reading of the rule, for two epochs: score and loss."""
    for number, higher in ((0, monitor != "val/loss"), (1, False)):
        a, b = one[number], other[number]
        if math.isnan(a) != math.isnan(b):
            return math.isnan(b)
        if not math.isnan(a) and a != b:
            return (a > b) == higher
    return False


@pytest.mark.parametrize("monitor", ["val/mean_iou", "val/loss"])
@given(pairs=st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=8))
def test_epochs_are_ranked_by_score_then_loss_and_nan_is_worst(monitor, pairs):
    if monitor == "val/loss":
        pairs = [(loss, loss) for _, loss in pairs]
    epochs = [{monitor: score, "val/loss": loss} for score, loss in pairs]
    ordered = sorted(epochs, key=lambda epoch: rank(epoch, monitor))

    def compare(first, second):
        one, other = ((epoch[monitor], epoch["val/loss"]) for epoch in (first, second))
        return better(one, other, monitor) - better(other, one, monitor)

    assert [id(e) for e in ordered] == [id(e) for e in sorted(epochs, key=cmp_to_key(compare))]


def metrics(iou, loss=0.5, monitor="val/mean_iou", accuracy=0.9):
    card = {"mean": {"iou": iou}, "accuracy": accuracy, "binary_iou": None}
    return {"test": card, "validation": card, "validation_loss": loss, "monitor": monitor}


def test_the_validation_score_is_that_of_the_monitor():
    run = metrics(0.3, loss=0.7, accuracy=0.8)
    assert validation_score(run, "val/mean_iou") == 0.3
    assert validation_score(run, "val/accuracy") == 0.8
    assert validation_score(run, "val/loss") == 0.7
    assert validation_score(run, "val/binary_iou") is None
    assert validation_score(run, "val/mean_boundary_iou") is None  # not in this card


def test_configurations_are_ranked_by_the_score_that_all_of_them_monitored():
    runs = {"a": [metrics(0.3), metrics(0.5)], "b": [metrics(0.45), metrics(0.2)]}
    selection = Selection.of(runs)
    assert (selection.score, selection.values) == (IOU, {"a": [0.3, 0.5], "b": [0.45, 0.2]})
    assert selection.best() == {"a"}
    accuracies = {n: [metrics(0.1, monitor="val/accuracy", accuracy=n)] for n in (0.2, 0.4)}
    assert Selection.of(accuracies).score == ACCURACY
    assert Selection.of(accuracies).best() == {0.4}


def test_of_losses_the_lowest_is_best():
    runs = {loss: [metrics(0.5, loss, "val/loss")] for loss in (0.4, 0.3, None)}
    selection = Selection.of(runs)
    assert selection.score == LOSS
    assert selection.best() == {0.3}


def test_configurations_with_different_monitors_are_ranked_by_mean_iou():
    runs = {"a": [metrics(0.3, 0.1, "val/loss")], "b": [metrics(0.4, 0.9)]}
    assert Selection.of(runs).score == IOU
    assert Selection.of(runs).best() == {"b"}


def test_scores_that_round_to_the_same_value_are_all_best():
    runs = {n: [metrics(iou)] for n, iou in enumerate((0.6004, 0.60001, 0.599, None, math.nan))}
    assert Selection.of(runs).best() == {0, 1}
    assert Selection.of({"a": [metrics(None)]}).best() == set()


def test_runs_without_validation_scores_are_not_ranked_by_them():
    old = {"test": metrics(0.2)["test"]}
    runs = {"new": [metrics(0.3)], "old": [old]}
    assert Selection.of(runs) is None
    cards = {name: [run["test"] for run in folds] for name, folds in runs.items()}
    assert Selection.by_test(cards).best() == {"new"}


def test_repeats_are_ranked_by_their_means_over_folds():
    runs = {"x seed=0": [metrics(0.1), metrics(0.3)], "x seed=1": [metrics(0.4), metrics(0.6)]}
    repeated = Selection.of(runs).over_repeats({"x": list(runs)})
    assert repeated.values == {"x": [pytest.approx(0.2), pytest.approx(0.5)]}


def test_the_mean_score_of_folds_needs_the_same_score_of_all():
    assert mean_score([metrics(0.1), metrics(0.3)]) == pytest.approx(0.2)
    assert mean_score([metrics(0.1), metrics(None)]) is None
    assert mean_score([metrics(0.1), metrics(0.3) | {"monitor": "val/loss"}]) is None
    assert mean_score([metrics(0.1), {"test": {}}]) is None  # of an earlier version
