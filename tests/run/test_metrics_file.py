"""The shape of `metrics.json`: all versions have it, and whatever has it can be summarized."""

import contextlib
import copy
import math
from enum import Enum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clothseg.error import DataError
from clothseg.files import write_json
from clothseg.jobs.fold_summary import mean_score
from clothseg.metric.aggregate import aggregate_parts, flat_class, mean_card, pooled_matrix
from clothseg.metric.doubt import doubts
from clothseg.metric.names import MONITORS
from clothseg.metric.selection import Selection
from clothseg.report.score_tables import score_tables
from clothseg.report.tables import comparison_table
from clothseg.run.record import Record
from support.scores import run_metrics, score_card

MISSING = Enum("Absent", "MISSING").MISSING
CLASS = ("test", "per_class", 0)
SOURCE = {"a": score_card()}
MATRIX = ("test", "confusion_matrix")

WRONG = [
    *[
        ((*where, "iou"), value)
        for where in (("test", "mean"), CLASS, ("validation", "mean"))
        for value in ("0.5", [1], {}, True, 10**400, -5, 1.5, 1e308, math.nan, math.inf, MISSING)
    ],
    *[(("test", "mean", key), MISSING) for key in ("precision", "recall", "f1")],
    *[((*CLASS, key), MISSING) for key in ("id", "name", "support", "precision")],
    *[((*CLASS, key), "x") for key in ("id", "support")],
    *[((*CLASS, "id"), 1), ((*CLASS, "support"), 4), ((*CLASS, "support"), None)],
    *[(MATRIX, value) for value in (MISSING, 5, [], [[1]], [[0] * 3] * 3, None)],
    *[((*MATRIX, 0), [5]), ((*MATRIX, 0, 0), "x"), ((*MATRIX, 0, 0), -5), ((*MATRIX, 0, 0), 1.5)],
    *[((*MATRIX, 0, 0), 10**30), ((*MATRIX, 1), None)],
    *[(("test", key), MISSING) for key in ("per_class", "mean", "accuracy", "num_images")],
    *[(("test", "per_class"), []), (("test", "accuracy"), "x"), (("test", "num_images"), -1)],
    *[(("test", "by_source"), value) for value in (5, None, {"a": 5}, {"a": {}})],
    *[((key,), None) for key in ("validation", "monitor", "division", "test", "best_epoch")],
    *[((key,), MISSING) for key in ("validation", "validation_loss", "monitor", "division")],
    *[(("monitor",), "x"), (("validation_loss",), "1"), (("validation_loss",), math.nan)],
    *[(("best_epoch",), 0), (("best_epochs",), {"val/mean_iou": {"epoch": 1.0}})],
    *[(("validation_seconds",), -1.0), (("train_seconds",), math.inf), (("suspect",), "x")],
]
"""Changes of a valid file that make it invalid: the place and what is there."""


def changed(metrics, place, value):
    result = copy.deepcopy(metrics)
    *path, last = place
    node = result
    for step in path:
        node = node[step]
    if value is MISSING:
        del node[last]
    else:
        node[last] = value
    return result


@pytest.mark.parametrize(("place", "value"), WRONG, ids=lambda x: str(x)[:40])
def test_a_wrong_value_is_one_message_that_names_the_file_its_place_and_a_way_out(
    place, value, tmp_path
):
    valid = run_metrics(0.5, 0.6)
    write_json(tmp_path / "metrics.json", valid)
    assert Record(tmp_path).metrics == valid
    write_json(tmp_path / "metrics.json", changed(valid, place, value))
    with pytest.raises(DataError) as caught:
        _ = Record(tmp_path).metrics
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'metrics.json'} is damaged (")
    assert message.endswith("; rerun=true trains the run again and moves the old record aside")
    assert str(place[-1] if isinstance(place[-1], str) else place[-2]) in message
    assert len(message) < 600
    assert "Error" not in message


@pytest.mark.parametrize(
    "addition",
    [
        {},
        {"best_epochs": {"val/loss": {"epoch": 3.0, "value": 0.1}}, "validation_seconds": 0.5},
        {"best_epoch": 3, "epochs": 3, "train_seconds": 2.5, "inference_ms": 1.5, "suspect": []},
        {"of_a_later_version": {"any": ["thing"]}},
    ],
    ids=str,
)
def test_records_of_all_versions_are_read(addition, tmp_path):
    for validation in (None, 0.5):  # version 0.1.0 had none
        metrics = run_metrics(0.5, validation) | addition
        write_json(tmp_path / "metrics.json", metrics)
        assert Record(tmp_path).metrics == metrics


def test_scores_that_are_undefined_and_those_of_sources_are_read(tmp_path):
    metrics = run_metrics(None, None)
    metrics["test"]["by_source"] = {"a": score_card(1), "b": score_card(0.0)}
    metrics["test"]["mean"]["iou_plus"] = 0.25
    write_json(tmp_path / "metrics.json", metrics)
    assert Record(tmp_path).metrics == metrics


def test_a_score_of_a_later_version_is_left_out(tmp_path):
    metrics = run_metrics()
    metrics["test"]["per_class"][0]["sharpness"] = metrics["test"]["mean"]["sharpness"] = "high"
    write_json(tmp_path / "metrics.json", metrics)
    read = Record(tmp_path).metrics["test"]
    assert "sharpness" not in {*read["mean"], *read["per_class"][0]}


def summarize(metrics):
    """Compute everything that a command computes of the folds of a configuration."""
    cards = [fold["test"] for fold in metrics]
    [*map(doubts, cards)]
    pooled_matrix(cards)
    mean_card(cards)
    [flat_class(row) for row in aggregate_parts(metrics)["per_class"]]
    [*score_tables(cards, "title")]
    mean_score(metrics)
    comparison_table({"a": cards}, "title", selection=Selection.of({"a": metrics}))
    return {fold["division"] for fold in metrics}


def places(node, path=()):
    """All places in a value, from the outermost."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


VALID = run_metrics(0.5, 0.6)
VALID["test"]["by_source"] = SOURCE
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(MISSING),
    lambda x: st.lists(x.filter(lambda v: v is not MISSING), max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(
    place=st.sampled_from([*places(VALID)]),
    value=ANY | st.sampled_from([10**400, 10**30, 2**53, 1e308, -1, [[0]], {"a": score_card()}]),
    monitor=st.sampled_from([*MONITORS]),
)
def test_whatever_is_read_can_be_summarized(place, value, monitor, tmp_path_factory):
    folder = tmp_path_factory.mktemp("record")
    write_json(folder / "metrics.json", changed({**VALID, "monitor": monitor}, place, value))
    with contextlib.suppress(DataError):  # but nothing else
        metrics = Record(folder).metrics
        assert summarize([metrics, metrics])
