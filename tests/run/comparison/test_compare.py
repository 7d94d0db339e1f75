"""Comparison of configurations: which cannot be told from the best."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from clothseg.error import DataError
from clothseg.metric.names import IOU
from clothseg.metric.selection import Selection
from clothseg.metric.significance.holm import holm
from clothseg.metric.significance.paired import permutation_test
from clothseg.metric.significance.terms import Terms
from clothseg.run.comparison import compare, compare_classes
from clothseg.run.tables import read_image_scores
from support.imaginary_runs import Experiment
from support.random_counts import at_most


def compared(experiment, configurations):
    selection = Selection.of({n: [r.metrics for r in runs] for n, runs in configurations.items()})
    return compare(configurations, selection, experiment.read)


def terms(experiment, run):
    return Terms.of_counts(experiment.read(run.folder).counts, IOU)


def with_seed(config, seed):
    return {**config, "config": {**config["config"], "seed": seed}}


def test_single_runs_are_compared_by_permutations_of_their_images():
    experiment = Experiment(images=60)
    skills = {"worst": -0.3, "best": 0.0, "near": -0.002, "worse": -0.1}
    runs = {n: experiment.runs(s, chosen=0.9 + s) for n, s in skills.items()}
    found = compared(experiment, runs)
    assert (found.best, found.methods) == ("best", ["images"])
    assert found.bold == {"best", "near"}
    top = terms(experiment, runs["best"][0])
    names = ["worst", "near", "worse"]
    others = [terms(experiment, runs[name][0]) for name in names]
    expected = holm(np.array([permutation_test(top, other) for other in others]))
    np.testing.assert_array_equal([found.standings[name].p for name in names], expected)
    for name, other in zip(names, others, strict=True):
        difference = found.standings[name].difference
        assert difference.value == pytest.approx(top.value - other.value)
        assert difference.low < difference.value < difference.high
    assert [n for n, one in found.standings.items() if one.is_worse] == ["worst", "worse"]
    assert found.rule == (
        ", and all that a permutation test over test images cannot tell from it (test IoU, level "
        "5 %, Holm over 3 pairs)"
    )


def test_what_is_better_on_the_test_part_is_told_from_the_best_but_not_worse():
    experiment = Experiment()
    runs = {"a": experiment.runs(-0.3, chosen=0.9), "b": experiment.runs(0.0, chosen=0.1)}
    found = compared(experiment, runs)
    other = found.standings["b"]
    assert (found.bold, other.is_told, other.is_worse) == ({"a"}, True, False)


def test_a_best_that_was_chosen_by_the_test_images_is_the_luckiest_of_all_pairs():
    experiment = Experiment(validation="test")
    found = compared(experiment, {str(k): experiment.runs(-0.1 * k) for k in range(4)})
    assert found.pairs == 6
    smallest = found.standings["3"].difference.p
    assert found.standings["3"].p == pytest.approx(6 * smallest)


def test_intervals_contain_the_score_and_narrow_with_more_images():
    widths = []
    for images in (30, 480):
        experiment = Experiment(images=images, folds=2)
        runs = experiment.runs(seeds=2)
        bounds = compared(experiment, {"a": runs}).standings["a"].bounds
        mean = np.mean([run.metrics["test"]["mean"]["iou"] for run in runs])
        assert bounds.value == pytest.approx(mean)
        assert bounds.low < mean < bounds.high
        widths.append(bounds.high - bounds.low)
    assert widths[1] == pytest.approx(widths[0] / 4, rel=0.35)


def test_folds_are_compared_by_the_corrected_t_test_without_scores_of_images():
    experiment = Experiment(folds=5, validation=0.2)
    runs = {"a": experiment.runs(0.02, chosen=0.9), "b": experiment.runs(0.0, chosen=0.1)}
    selection = Selection.of({n: [r.metrics for r in one] for n, one in runs.items()})
    found = compare(runs, selection, read_image_scores)  # there are no files
    assert (found.best, found.methods) == ("a", ["folds"])
    assert found.standings["a"].bounds is None
    d = np.subtract(*([r.metrics["test"]["mean"]["iou"] for r in runs[n]] for n in "ab"))
    t = d.mean() / math.sqrt(d.var(ddof=1) * (1 / 5 + 1 / (4 * 0.8)))
    assert found.standings["b"].p == pytest.approx(2 * stats.t.sf(abs(t), 4))


def test_other_seeds_are_paired_in_their_order_and_other_numbers_by_their_means():
    experiment = Experiment(folds=3)
    a, b, c = (experiment.runs(s, seeds=n) for s, n in ((0.1, 2), (0, 2), (0, 3)))
    renamed = [replace(run, config=with_seed(run.config, 7 + run.seed)) for run in b]
    found = [compared(experiment, {"a": a, "b": other}).standings for other in (b, renamed, c)]
    assert found[0]["b"].p == found[1]["b"].p
    assert found[2]["b"].difference.method == "folds"
    assert 0 < found[2]["b"].p < 1


def test_seeds_of_one_split_are_compared_by_both_sources_of_chance():
    experiment = Experiment(images=200, luck=0.02)
    runs = {"a": experiment.runs(0.2, 4), "b": experiment.runs(0.0, 4), "c": experiment.runs(0.2)}
    found = compared(experiment, runs)
    assert found.methods == ["seeds"]
    assert "b" not in found.bold
    assert {"a", "c"} <= found.bold


def test_other_test_images_are_not_paired():
    here, elsewhere = Experiment(), Experiment(images=30)
    runs = {"a": here.runs(0.1), "b": here.runs(-0.2), "c": elsewhere.runs(-0.2)}
    found = compared(here, runs | {"c": [replace(runs["c"][0], folder=runs["b"][0].folder)]})
    assert found.standings["c"].obstacle == "other test images or classes"
    assert found.bold == {"a"}
    assert found.pairs == 1
    assert found.rule.endswith("(test IoU, level 5 %, one pair); 1 not tested")
    table = here.tables[runs["b"][0].folder]
    here.tables[runs["b"][0].folder] = replace(table, names=table.names[::-1])
    assert compared(here, {n: runs[n] for n in "ab"}).standings["b"].obstacle == "other test images"


def test_without_scores_of_images_the_highest_means_are_bold(tmp_path):
    experiment = Experiment()
    runs = {"a": experiment.runs(chosen=0.5004), "b": experiment.runs(chosen=0.5)}
    runs["c"] = experiment.runs(chosen=0.4)

    def missing(folder):
        raise DataError(f"{folder} has none")

    selection = Selection.of({n: [r.metrics for r in one] for n, one in runs.items()})
    found = compare(runs, selection, missing)
    assert (found.rule, found.bold) == ("", {"a", "b"})
    assert found.standings["b"].obstacle.endswith("has none")
    by_test = compare(runs, None, experiment.read)
    assert (by_test.by_validation, by_test.methods) == (False, ["images"])


def test_an_undefined_score_is_never_bold():
    experiment = Experiment(folds=2)
    runs = {"a": experiment.runs(chosen=0.5), "b": experiment.runs(chosen=0.4)}
    for run in runs["b"]:
        run.metrics["test"]["mean"]["iou"] = None
    found = compared(experiment, runs)
    assert (found.bold, found.standings["b"].obstacle) == ({"a"}, "undefined score")


def test_classes_are_adjusted_together():
    experiment = Experiment(images=60)
    one, other = experiment.runs(0.05), experiment.runs(0.0)
    third = experiment.runs(-0.3)
    runs = {"a": one, "b": other, "c": third}
    overall = compare(runs, None, experiment.read)
    found = compare_classes(runs, overall, experiment.read)
    assert found.keys() == runs.keys() - {overall.best}
    top = replace(terms(experiment, runs[overall.best][0]), per_class=True)
    others = [replace(terms(experiment, runs[name][0]), per_class=True) for name in found]
    expected = holm(np.stack([permutation_test(top, one) for one in others]), 3 * 3)
    np.testing.assert_array_equal([one.p for one in found.values()], expected)
    for difference, terms_of in zip(found.values(), others, strict=True):
        np.testing.assert_allclose(difference.value, top.value - terms_of.value)


def test_classes_of_folds_are_tested_and_those_of_other_images_are_not():
    experiment, elsewhere = Experiment(folds=3), Experiment(images=30)
    runs = {"a": experiment.runs(0.1), "b": experiment.runs(), "c": elsewhere.runs(-0.5)}
    found = compare_classes(runs, compare(runs, None, experiment.read), experiment.read)
    assert {name: one.p.shape for name, one in found.items()} == {"b": (3,)}


@pytest.mark.slow(seconds=60)
@pytest.mark.parametrize(
    ("folds", "seeds", "luck"), [(0, 1, 0.0), (0, 3, 0.03), (5, 1, 0.03), (3, 2, 0.03)]
)
def test_equal_configurations_are_told_apart_in_five_percent_and_a_clear_difference_is_found(
    folds, seeds, luck
):
    repetitions, told, found = 60, 0, 0
    for number in range(repetitions):
        experiment = Experiment(number, images=30, folds=folds, luck=luck)
        chosen = experiment.generator.random(3) if luck == 0 else [None] * 3
        equal = {str(k): experiment.runs(0.0, seeds, chosen[k]) for k in range(3)}
        told += len(compared(experiment, equal).bold) < 3
        clear = {"a": experiment.runs(0.0, seeds, 0.9), "b": experiment.runs(-0.3, seeds, 0.1)}
        found += compared(experiment, clear).bold == {"a"}
    assert told <= at_most(0.05, repetitions)
    assert found >= 0.9 * repetitions


@pytest.mark.parametrize("folds", [0, 4])
def test_a_class_is_compared_by_its_own_values_and_the_test_part_chooses(folds):
    experiment = Experiment(images=60, folds=folds)
    runs = {name: experiment.runs(skill) for name, skill in {"a": 0.0, "b": -0.2}.items()}
    name = runs["a"][0].metrics["test"]["per_class"][1]["name"]
    found = compare(runs, None, experiment.read, IOU, name)
    (classes,) = compare_classes(runs, found, experiment.read).values()
    alone = found.standings["b"].difference or found.standings["a"].difference
    assert abs(alone.value) == pytest.approx(abs(classes.value[1]))
    best = max(runs, key=lambda one: np.mean([_iou(run, 1) for run in runs[one]]))
    assert (found.best, found.by_validation, found.pairs) == (best, False, 1)
    value = np.mean([_iou(run, 1) for run in runs["a"]])
    assert found.standings["a"].bounds.value == pytest.approx(value)


def _iou(run, class_id):
    return run.metrics["test"]["per_class"][class_id]["iou"]
