"""Final report of a command: means over folds and over seeds."""

import json
from pathlib import Path

import numpy as np
import pytest

from clothseg.config.run_config import RunConfig
from clothseg.files import read_csv, write_json
from clothseg.jobs.outcome import Outcome
from clothseg.jobs.summary import report_outcomes
from clothseg.jobs.sweep_folder import SweepFolder
from clothseg.metric.aggregate import aggregate, mean_card
from clothseg.run.finished import FinishedRun
from clothseg.run.record import Record
from support.scores import run_metrics, score_card

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less

CONFIG = RunConfig({"logger": {}, "output": "outputs", "report": {"figures": "all"}, "trust": []})


def finished_run(folder, name, iou, fold=None, folds=None, validation=None):
    """Write the record of a finished run and return its outcome."""
    record = Record(folder)
    config, choices, overrides = job_config(name, fold, folds)
    record.begin(config, choices, overrides, "CPU")
    write_json(folder / "metrics.json", run_metrics(iou, validation))
    content = {"choices": choices, "overrides": overrides, "config": config}
    run = FinishedRun(folder, content, record.environment, record.metrics)
    return Outcome(name, "done", "", str(folder), fold, folds, run=run)


def job_config(name, fold, folds):
    """Configuration, options and overrides of a run."""
    words = dict(word.split("=") for word in name.split() if "=" in word)
    split = {} if fold is None else {"fold": fold, "folds": folds}
    config = {
        "seed": int(words.pop("seed", 0)),
        "split": split,
        "optimizer": {"lr": 0.1},
        "labels": {},
    }
    overrides = [word for word in name.split() if "=" in word] + ["optimizer.lr=0.1"]
    overrides += [] if fold is None else [f"split.fold={fold}"]
    return config, {"dataset": "ccp", "model": "fpn", "backbone": "b0", **words}, overrides


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
    _, repeats = output.split("all configurations, test set")
    repeats = repeats.split("best:")[0]
    assert "loss=dice seed" not in repeats
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
        expected = aggregate([score_card(iou) for iou, _ in scores[name]])
        assert {key: summary[key] for key in expected} == expected
        assert summary["keys"] == {"seed": 0, "split.folds": 2, "optimizer.lr": 0.1}
        assert summary["choices"]["model"] == "fpn"
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


def test_the_comparison_is_written_where_the_same_command_finds_it(tmp_path, capsys):
    base = tmp_path / "ccp-refined15"
    scores = {"loss=dice seed=0": 0.4, "loss=dice seed=1": 0.6, "loss=focal seed=0": 0.5}
    outcomes = [
        finished_run(base / "fpn-b0" / name, name, iou, validation=iou)
        for name, iou in scores.items()
    ]
    command = ["loss=dice,focal", "seed=0,1", f"output={tmp_path}", "hydra/launcher=local"]
    folder = SweepFolder(command, tmp_path)
    assert report_outcomes(outcomes, CONFIG, folder) == 0
    place = folder.path(Path(outcome.folder) for outcome in outcomes)
    assert place.parent == base
    rows = read_csv(place / "comparison.csv")
    assert [(row["config"], row["seeds"]) for row in rows] == [
        ("loss=dice", "2"),
        ("loss=focal", "1"),
    ]
    assert float(rows[0]["mean_iou_std"]) == pytest.approx(np.std([0.4, 0.6], ddof=1))
    assert "loss=dice" in (place / "comparison.md").read_text().replace("\\", "")
    dice, focal = json.loads((place / "summary.json").read_text())["configurations"]
    assert (dice["name"], dice["choices"]["loss"], dice["repeats"]) == ("loss=dice", "dice", "seed")
    assert dice["mean"]["iou"]["mean"] == dice["validation"]["mean"]["iou"]["mean"] == 0.5
    assert [Path(run).name for run in dice["runs"]] == ["loss=dice seed=0", "loss=dice seed=1"]
    assert focal["not_tested"]
    classes = read_csv(place / "per_class.csv")
    assert [(row["config"], row["name"]) for row in classes[:2]] == [
        ("loss=dice", "BG"),
        ("loss=dice", "Hat"),
    ]
    shown = capsys.readouterr().out
    paths = ", ".join(str(place / f"comparison.{ending}") for ending in ("csv", "md", "html"))
    assert f"written to {paths}" in shown
    assert (place / "comparison.html").read_text().count('<tr data-c="0-0" data-text=') == 1
    assert f"python train.py 'rerun_from={base}/fpn-b0/loss=dice seed=0'" in shown
    changed = ["seed=0,1", "loss=dice,focal", "output=elsewhere", "rerun=true", "logger=wandb"]
    assert SweepFolder(changed, tmp_path).name == folder.name
    assert SweepFolder([*changed, "model=unet"], tmp_path).name != folder.name


def test_runs_of_several_datasets_are_compared_beside_both(tmp_path):
    runs = [tmp_path / "o" / dataset / "fpn-b0/1a2b" for dataset in ("ccp-r", "cfpd-r")]
    assert SweepFolder([], tmp_path / "o").path(runs).parent == tmp_path / "o"


def test_the_best_of_folds_is_repeated_by_its_command(tmp_path, capsys):
    outcomes = [
        finished_run(tmp_path / name / f"fold-{fold}", name, iou, fold, 2, iou)
        for name, iou in (("loss=dice", 0.3), ("loss=focal", 0.6))
        for fold in range(2)
    ]
    assert report_outcomes(outcomes, CONFIG) == 0
    command = "python train.py loss=focal optimizer.lr=0.1 rerun=true -m"
    assert f"best: loss=focal; repeat it, with other keys if you like: {command}" in (
        capsys.readouterr().out
    )


def test_an_interrupted_sweep_says_how_far_it_came(tmp_path, capsys):
    outcomes = [finished_run(tmp_path / "a", "a", 0.3), Outcome("b", "interrupted", "")]
    assert report_outcomes(outcomes, CONFIG) == 130
    assert "stopped: 1 of 2 done; no epoch was finished" in capsys.readouterr().out


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
            test = outcomes[-1].run.metrics["test"]
            test["confusion_matrix"] = matrix if fold == 0 else [[5, 0], [0, 5]]
    assert report_outcomes(outcomes[:2], CONFIG) == 0
    assert "suspect: only BG is predicted in 1 of 2 folds" in capsys.readouterr().out
    summary = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert summary["suspect"] == [["only BG is predicted"], []]
    assert report_outcomes(outcomes, CONFIG) == 0
    comparison = capsys.readouterr().out.split("all configurations")[1]
    assert "a (suspect)" in comparison
    assert "b (suspect)" not in comparison
