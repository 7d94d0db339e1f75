"""Bold cells of tables of papers: the best, and all that a test cannot tell from it."""

import numpy as np
import pytest

from clothseg.commands.tables.emphasis import Filled, emphasize
from clothseg.config.table.cell import Source
from clothseg.metric.aggregate import mean_and_std
from clothseg.report.beside_paper import Beside, Cell
from support.imaginary_runs import Experiment

SKILLS = {"best": 0.0, "near": -0.001, "worse": -0.5}


@pytest.fixture(scope="module")
def runs():
    experiment = Experiment(folds=5, validation=0.2)
    return {name: experiment.runs(skill) for name, skill in SKILLS.items()}


def source(**keywords):
    return Source.model_validate(
        {"experiment": "x", "score": "iou", "unit": "percent", "decimals": 1} | keywords
    )


def row_of(runs, one):
    """Row of three configurations with their mean IoU."""
    scores = [[run.metrics["test"]["mean"]["iou"] for run in own] for own in runs.values()]
    cells = [Cell(mean_and_std(values), None, 100.0) for values in scores]
    filled = {(0, k): Filled(one, own) for k, own in enumerate(runs.values())}
    return Beside([*runs], ["IoU"], [cells], "row"), filled


def test_what_cannot_be_told_from_the_best_is_bold_with_it(runs):
    plain, filled = row_of(runs, source())
    found, (note,) = emphasize(plain, filled)
    assert len(plain.bold) == 1
    assert found.bold == {(0, 0), (0, 1)}
    assert note.text == (
        "bold: the best of ours by the test images, and all that the corrected resampled t-test "
        "over folds cannot tell from it (level 5 %, Holm over 3 pairs)"
    )


def test_a_class_is_tested_by_its_own_scores(runs):
    name = runs["best"][0].metrics["test"]["per_class"][2]["name"]
    plain, filled = row_of(runs, source(**{"class": name}))
    found, notes = emphasize(plain, filled)
    means = [
        np.mean([run.metrics["test"]["per_class"][2]["iou"] for run in one.runs])
        for one in filled.values()
    ]
    assert (0, int(np.argmax(means))) in found.bold
    assert len(notes) == 1


@pytest.mark.parametrize(
    "one",
    [
        source(own_epoch=True),
        source(characteristic="color"),
        Source(experiment="x", measurement="inference_ms", unit="ms", decimals=1),
        Source(experiment="x", score="apr", unit="percent", decimals=1, **{"class": "Hat"}),
    ],
)
def test_what_is_no_score_of_the_test_images_is_not_tested(runs, one):
    plain, filled = row_of(runs, one)
    found, notes = emphasize(plain, filled)
    assert (found.bold, notes) == (plain.bold, [])


def test_lines_of_several_scores_are_not_tested(runs):
    plain, filled = row_of(runs, source())
    filled[0, 1] = Filled(source(score="f1"), filled[0, 1].runs)
    assert emphasize(plain, filled) == (plain, [])
