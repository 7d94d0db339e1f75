"""Final report of a command: means over folds and over seeds."""

import json

import numpy as np
import pytest

from clothseg.config.run_config import RunConfig
from clothseg.files import write_json
from clothseg.jobs.outcome import Outcome
from clothseg.jobs.summary import report_outcomes
from clothseg.metric.aggregate import aggregate, mean_card
from clothseg.run.record import Record
from support.scores import run_metrics, score_card

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less

CONFIG = RunConfig({"logger": {}, "output": "outputs", "report": {"figures": "all"}, "trust": []})


def finished_run(folder, name, iou, fold=None, folds=None, validation=None):
    """Write the record of a finished run and return its outcome."""
    record = Record(folder)
    record.begin({}, {}, [], "CPU")
    write_json(folder / "metrics.json", run_metrics(iou, validation))
    return Outcome(name, "done", "", str(folder), fold, folds)


def test_mean_card_averages_over_folds():
    mean = mean_card([score_card(0.2), score_card(0.4)])
    assert mean["accuracy"] == pytest.approx(0.3)
    assert mean["binary_iou"] is None
    assert [row["iou"] for row in mean["per_class"]] == pytest.approx([0.3, 0.3])
    assert [row["name"] for row in mean["per_class"]] == ["BG", "Hat"]


def test_seeds_are_aggregated_as_repeats(tmp_path, capsys):
    runs = {
        "loss=dice seed=0": (0.2, 0.3),
        "loss=dice seed=1": (0.4, 0.5),
        "loss=focal seed=0": (0.1, 0.1),
        "loss=focal seed=1": (0.1, 0.3),
    }
    outcomes = [
        finished_run(tmp_path / name / f"fold-{fold}", name, iou, fold, 2)
        for name, folds in runs.items()
        for fold, iou in enumerate(folds)
    ]
    assert report_outcomes(outcomes, CONFIG) == 0
    output = capsys.readouterr().out
    _, repeats = output.split("over seeds, test set")
    repeats = repeats.split("sweep")[0]
    assert "standard deviation over 2 seeds" in " ".join(repeats.split())
    # The means over folds are 0.25 and 0.45, and 0.1 and 0.2.
    for mean, std in ((35.0, np.std([25, 45], ddof=1)), (15.0, np.std([10, 20], ddof=1))):
        assert f"{mean:.1f} ± {std:.1f}" in repeats


def test_validation_scores_are_summarized_and_select_the_best_configuration(tmp_path, capsys):
    """The configuration with the better validation score has the worse test score."""
    scores = {"a": ((0.2, 0.7), (0.3, 0.9)), "b": ((0.6, 0.4), (0.8, 0.5))}
    outcomes = [
        finished_run(tmp_path / name / f"fold-{fold}", name, iou, fold, 2, validation)
        for name, folds in scores.items()
        for fold, (iou, validation) in enumerate(folds)
    ]
    assert report_outcomes(outcomes, CONFIG) == 0
    for name, validation in (("a", (0.7, 0.9)), ("b", (0.4, 0.5))):
        summary = json.loads((tmp_path / name / "summary.json").read_text())
        iou = summary["validation"]["mean"]["iou"]
        assert iou["mean"] == pytest.approx(np.mean(validation))
        assert iou["std"] == pytest.approx(np.std(validation, ddof=1))
        del summary["validation"]
        assert {key: summary[key] for key in summary if key != "confusion_matrix"} == aggregate(
            [score_card(iou) for iou, _ in scores[name]]
        )
    output = capsys.readouterr().out
    assert "validation mean" not in output, "scores of classes stay in files"
    _, comparison = output.split("all configurations, test set")
    rows = [line.split() for line in comparison.splitlines() if line.startswith(("a ", "b "))]
    assert [row[-3:] for row in rows[:2]] == [["80.0", "±", "14.1"], ["45.0", "±", "7.1"]]
    assert "bold: highest mean val. IoU" in " ".join(comparison.split())
    assert report_outcomes(outcomes[:2], CONFIG) == 0
    assert "validation mean 80.0 ± 14.1" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("complete", [False, True])
def test_records_of_earlier_versions_are_reported_with_the_others(complete, tmp_path, capsys):
    """The first fold may have been trained before validation scores were kept."""
    outcomes = [
        finished_run(tmp_path / "a" / "fold-0", "a", 0.2, 0, 2, 0.5 if complete else None),
        finished_run(tmp_path / "a" / "fold-1", "a", 0.4, 1, 2, 0.7),
        finished_run(tmp_path / "b", "b", 0.5, validation=0.1),
    ]
    assert report_outcomes(outcomes, CONFIG) == 0
    summary = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert ("validation" in summary) == complete
    words = " ".join(capsys.readouterr().out.split())
    assert ("bold: highest mean val. IoU" in words) == complete
    assert (
        "bold: highest mean test IoU, because a run has no validation scores" in words
    ) != complete
    assert report_outcomes(outcomes[:2], CONFIG) == 0
    assert ("validation mean" in capsys.readouterr().out) == complete


def test_without_repeats_there_is_no_table_over_seeds(tmp_path, capsys):
    outcomes = [finished_run(tmp_path / str(seed), f"seed={seed} a", 0.2) for seed in (0,)]
    outcomes.append(finished_run(tmp_path / "b", "seed=0 b", 0.3))
    assert report_outcomes(outcomes, CONFIG) == 0
    assert "over seeds" not in capsys.readouterr().out


def test_scores_of_a_network_that_predicts_one_class_are_marked_as_suspect(tmp_path, capsys):
    outcomes = []
    for name, matrix in (("a", [[5, 0], [5, 0]]), ("b", [[5, 0], [0, 5]])):
        for fold in range(2):
            folder = tmp_path / name / f"fold-{fold}"
            outcomes.append(finished_run(folder, name, 0.3, fold, 2))
            metrics = Record(folder).metrics
            metrics["test"]["confusion_matrix"] = matrix if fold == 0 else [[5, 0], [0, 5]]
            write_json(folder / "metrics.json", metrics)
    assert report_outcomes(outcomes[:2], CONFIG) == 0
    assert "suspect: only BG is predicted in 1 of 2 folds" in capsys.readouterr().out
    summary = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert summary["suspect"] == [["only BG is predicted"], []]
    assert report_outcomes(outcomes, CONFIG) == 0
    comparison = capsys.readouterr().out.split("all configurations")[1]
    assert "a (suspect)" in comparison
    assert "b (suspect)" not in comparison
