"""Values of cells: where they are in the metrics of a run, and their summary."""

import math
import statistics
from types import SimpleNamespace

import pytest

from clothseg.config.table.cell import Source
from clothseg.run.cell_value import cell_value, summarize
from support.scores import run_metrics

LEVELS = {"vol": 0.4, "at_50": 0.5, "per_threshold": [0.4], "per_class": {"Hat": 0.3}}
PIXELS = {"miou": 0.2, "miou_foreground": 0.1, "miou_per_image": None, "iou": {"Red": 0.15}}


def source(**keys):
    return Source.model_validate(keys)


@pytest.fixture
def metrics():
    content = run_metrics(0.5, 0.25) | {"inference_ms": 80.5, "train_seconds": 7200.0}
    content["best_epochs"] = {"val/mean_iou_plus": {"epoch": 3.0, "value": 0.123}}
    content["test"]["per_class"][1]["iou"] = 0.75
    content["test"] |= {"binary_iou": 0.6, "apr": 0.35}
    color = LEVELS | {"per_class": {"Red": 0.05}}
    content["test"]["parsing"] = {
        "apr": LEVELS,
        "apcr": {"color": color, "size": None},
        "characteristics": {"color": PIXELS, "size": None},
    }
    return content


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ({"score": "f1"}, 0.5),
        ({"score": "iou", "class": "Hat"}, 0.75),
        ({"score": "accuracy"}, 0.5),
        ({"score": "binary_iou"}, 0.6),
        ({"score": "iou_plus", "own_epoch": True}, 0.123),
        ({"score": "iou_image", "own_epoch": True}, None),
        ({"score": "iou_image"}, None),
        ({"score": "iou", "class": "Shoe"}, None),
        ({"measurement": "inference_ms"}, 80.5),
        ({"measurement": "parameters"}, None),
        ({"score": "apr"}, 0.35),
        ({"score": "apr", "class": "Hat"}, 0.3),
        ({"score": "apr", "characteristic": "color"}, 0.4),
        ({"score": "apr", "characteristic": "color", "class": "Red"}, 0.05),
        ({"score": "iou", "characteristic": "color"}, 0.2),
        ({"score": "iou", "characteristic": "color", "class": "Red"}, 0.15),
        ({"score": "iou", "characteristic": "size", "class": "Red"}, None),
        ({"score": "apr", "characteristic": "pattern"}, None),
    ],
)
def test_a_value_is_found_by_its_score_class_and_characteristic(keys, value, metrics):
    assert cell_value(metrics, source(**keys)) == value


def test_a_run_without_people_has_no_values_of_them():
    for keys in ({"score": "apr"}, {"score": "apr", "class": "Hat"}):
        assert cell_value(run_metrics(), source(**keys)) is None
        assert cell_value(run_metrics(), source(**keys, characteristic="color")) is None


def runs(*values):
    return [SimpleNamespace(metrics=run_metrics(value)) for value in values]


def test_the_deviation_is_over_folds_or_over_the_means_of_seeds():
    folds = [0.1, 0.2, 0.6]
    summary = summarize([[run] for run in runs(*folds)], source(score="f1"))
    assert summary["mean"] == pytest.approx(0.3)
    assert summary["std"] == pytest.approx(statistics.stdev(folds))
    seeds = summarize([runs(0.1, 0.3), runs(0.2, 0.6)], source(score="f1"))
    assert seeds["mean"] == pytest.approx(0.3)
    assert seeds["std"] == pytest.approx(0.2 / math.sqrt(2))
    assert seeds["n"] == 2
