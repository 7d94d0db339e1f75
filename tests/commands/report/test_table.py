"""`python scripts/report.py target=table`: mean and deviation of every configuration."""

import statistics

import numpy as np
import pytest

from clothseg.commands.main import main
from clothseg.files import read_csv
from clothseg.json_file import read_json
from clothseg.metric.names import ACCURACY
from clothseg.run.metrics_file import Metrics
from support.command_line import records
from support.finished_run import write_finished
from support.random_counts import Photos
from support.scores import run_metrics, score_card

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less


def write_folds(folder, scores, *overrides, **keywords):
    """Write the folds of a configuration of two folds, one for each score."""
    return [
        write_finished(folder / f"fold-{k}", "split.folds=2", *overrides, iou=iou, **keywords)
        for k, iou in enumerate(scores)
    ]


def written(runs, *arguments, name="table.csv"):
    """File that the command writes from the runs below a folder."""
    path = runs / name
    assert main("report", ["target=table", f"runs={runs}", f"output={path}", *arguments]) == 0
    return path


def error_of(capsys, *arguments):
    """Message of the command for an unusable command line."""
    assert main("report", ["target=table", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    return error


@pytest.mark.slow
def test_scores_are_those_of_a_finished_sweep(swept, tmp_path):
    path = tmp_path / "table.csv"
    assert main("report", ["target=table", f"runs={swept[0]}", f"output={path}"]) == 0
    (row,) = read_csv(path)
    metrics = [
        read_json(record.folder / "metrics.json", Metrics, "") for record in records(swept[0])
    ]
    expected = {
        "mean_iou": [one["test"]["mean"]["iou"] for one in metrics],
        "mean_f1": [one["test"]["mean"]["f1"] for one in metrics],
        ACCURACY.name: [one["test"]["accuracy"] for one in metrics],
        "validation_mean_iou": [one["validation"]["mean"]["iou"] for one in metrics],
        "train_seconds": [one["train_seconds"] for one in metrics],
    }
    for name, values in expected.items():
        assert float(row[f"{name}_mean"]) == pytest.approx(statistics.mean(values))
        assert float(row[f"{name}_std"]) == pytest.approx(statistics.stdev(values))
    assert (row["config"], row["folds"], row["seeds"]) == ("unet mobilenet_v2", "2", "1")
    assert int(row["parameters"]) == metrics[0]["parameters"]


def test_configurations_are_named_by_their_options_and_the_best_by_validation_is_marked(
    tmp_path, capsys
):
    write_folds(tmp_path / "a", (0.5, 0.7), "loss=focal", validation=0.4)
    write_folds(tmp_path / "b", (0.2, 0.4), "loss=dice", validation=0.6)
    first, second = read_csv(written(tmp_path))
    assert [row["config"] for row in (first, second)] == ["loss=focal", "loss=dice"]
    assert [row["best"] for row in (first, second)] == ["0", "1"]
    assert float(first["mean_iou_mean"]) == pytest.approx(0.6)
    assert float(first["mean_iou_std"]) == pytest.approx(0.02**0.5)
    assert (first["folds"], first["seeds"]) == ("2", "1")
    assert "2 configurations in" in capsys.readouterr().out
    assert "| **loss=dice** | **2** | **1** | **30.0 ± 14.1** |" in (
        written(tmp_path, "format=markdown", name="table.md").read_text()
    )
    latex = written(tmp_path, "format=latex", name="table.tex").read_text()
    assert r"\textbf{loss=dice} & \textbf{2} & \textbf{1} & \textbf{30.0 $\pm$ 14.1} &" in latex
    assert r"over 2 folds; bold: highest mean val. IoU, and all that the corrected" in latex


def test_configurations_that_differ_in_their_seed_are_one_row_over_seeds(tmp_path):
    write_folds(tmp_path / "a", (0.1, 0.3), "loss=focal", validation=0.2)
    write_folds(tmp_path / "b", (0.5, 0.7), "loss=focal", "seed=1", validation=0.4)
    write_folds(tmp_path / "c", (0.5, 0.5), "loss=dice", validation=0.1)
    first, second = read_csv(written(tmp_path))
    assert [row["config"] for row in (first, second)] == ["loss=focal", "loss=dice"]
    assert [(row["folds"], row["seeds"]) for row in (first, second)] == [("2", "2"), ("2", "1")]
    assert float(first["mean_iou_mean"]) == pytest.approx(0.4)
    assert float(first["mean_iou_std"]) == pytest.approx(statistics.stdev([0.2, 0.6]))
    assert float(first["validation_mean_iou_mean"]) == pytest.approx(0.3)
    assert (second["mean_iou_std"], first["best"]) == ("", "1")
    caption = written(tmp_path, "format=markdown", name="table.md").read_text().splitlines()[-1]
    assert "mean ± standard deviation over seeds" in caption


def test_without_validation_scores_the_test_decides_and_the_caption_says_so(tmp_path):
    write_folds(tmp_path / "a", (0.5, 0.7), "loss=focal", validation=None)
    write_folds(tmp_path / "b", (0.2, 0.4), "loss=dice", validation=0.6)
    assert [row["best"] for row in read_csv(written(tmp_path))] == ["1", "0"]
    text = written(tmp_path, "format=markdown", name="table.md").read_text()
    assert "bold: highest mean test IoU, because a run has no validation scores, and all" in text
    assert "val." not in text


def test_intervals_and_tests_of_images_are_in_the_table_and_its_caption(tmp_path, capsys):
    photos = Photos(np.random.default_rng(0), 40)
    for name, skill in (("focal", 0.0), ("dice", -0.002), ("ce_dice", -0.2)):
        counts = photos.counts(skill)
        options = ("split=holdout", f"loss={name}")
        write_finished(tmp_path / name, *options, validation=0.5 + skill, counts=counts)
    rows = {row["config"].removeprefix("loss="): row for row in read_csv(written(tmp_path))}
    assert {name: row["best"] for name, row in rows.items()} == {
        "focal": "1",
        "dice": "1",
        "ce_dice": "0",
    }
    for row in rows.values():
        assert (
            float(row["mean_iou_low"]) < float(row["mean_iou_mean"]) < float(row["mean_iou_high"])
        )
    assert (rows["focal"]["p_value"], float(rows["ce_dice"]["p_value"])) == ("", 2e-4)
    shown = " ".join(capsys.readouterr().out.split())
    limits = [100 * float(rows["focal"][f"mean_iou_{end}"]) for end in ("low", "high")]
    assert "IoU, 95 %" in shown
    assert "{:.1f}-{:.1f}".format(*limits) in shown
    assert "all that a permutation test over test images cannot tell from it" in shown
    text = written(tmp_path, "format=latex", name="table.tex").read_text()
    assert r"\textbf{{[{:.1f}, {:.1f}]}}".format(*limits) in text
    assert "level 5 %, Holm over 2 pairs)." in text


def test_a_monitored_loss_is_no_percentage_and_the_lowest_is_the_best(tmp_path):
    for name, loss in (("focal", 0.5), ("dice", 0.25)):
        monitored = run_metrics(0.5, 0.5, "val/loss") | {"validation_loss": loss}
        write_finished(tmp_path / name, f"loss={name}", "split=holdout", metrics=monitored)
    text = written(tmp_path, "format=markdown", name="table.md").read_text()
    assert "| **loss=dice** | **1** | **1** | **50.0** | **50.0** | **50.0** | **0.250** |" in text
    assert "bold: lowest mean val. loss" in text


def test_human_parsing_has_its_own_scores(tmp_path):
    card = score_card() | {"apr": 0.25, "app": 0.125, "pcp": None}
    write_finished(tmp_path / "a", "split=holdout", metrics={"test": card})
    (row,) = read_csv(written(tmp_path))
    assert (row["apr_mean"], row["app_mean"]) == ("0.25", "0.125")
    assert "mean_f1_mean" not in row


def test_scores_that_mean_nothing_are_marked(tmp_path):
    card = score_card() | {"confusion_matrix": [[5, 0], [5, 0]]}
    write_finished(tmp_path / "a", "split=holdout", metrics={"test": card})
    (row,) = read_csv(written(tmp_path))
    assert row["suspect"] == "1"
    text = written(tmp_path, "format=latex", name="table.tex").read_text()
    assert r"\textbf{fpn efficientnet-b0 (suspect)}" in text


def test_damaged_runs_and_missing_folds_are_named(tmp_path, capsys):
    write_folds(tmp_path / "a", (0.5, 0.7), "loss=focal")
    _, damaged = write_folds(tmp_path / "b", (0.2, 0.4), "loss=dice")
    (damaged.folder / "metrics.json").write_text("{}")
    _, other = write_folds(tmp_path / "c", (0.2, 0.4), "loss=ce_dice")
    other.begin(other.config["config"], other.config["choices"], ["loss=ce_dice"], "CPU")
    changed = run_metrics(0.5, 0.5) | {"division": "another"}
    write_finished(tmp_path / "c/fold-1", "split.folds=2", "loss=ce_dice", metrics=changed)
    rows = read_csv(written(tmp_path))
    assert [(row["config"], row["folds"]) for row in rows] == [
        ("loss=focal", "2"),
        ("loss=dice", "1"),
    ]
    shown = capsys.readouterr().out
    assert f"warning: left out: {damaged.folder / 'metrics.json'} has changed since" in shown
    assert f"left out: the folds in {tmp_path / 'c'} come from 2 splits of the dataset" in shown
    assert "warning: not all folds are finished: loss=dice (1 of 2)" in shown


def test_runs_of_two_label_spaces_are_refused_by_name(tmp_path, capsys):
    write_finished(tmp_path / "a", "split=holdout")
    other = {"test": score_card(names=("BG", "Skin", "Hair", "Hat"))}
    write_finished(tmp_path / "b", "split=holdout", "labels=body4", validation=None, metrics=other)
    assert error_of(capsys, f"runs={tmp_path}", f"output={tmp_path / 'x.csv'}") == (
        f"error: runs={tmp_path}: the runs are of different label spaces, labels=refined15 "
        "(2 classes: BG, Hat) and labels=body4 (4 classes: BG, Skin, Hair …); select a folder with "
        "runs of one, such as runs=outputs/<dataset>-<labels>\n"
    )
    assert not (tmp_path / "x.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runs=nowhere"], "nowhere is not a folder, so there are no runs in it"),
        (["runs=."], "no run in . or below is finished and can be read"),
        (["format=excel"], "format=excel: must be 'csv', 'markdown' or 'latex'"),
        (["output=table.tex"], "output=table.tex: must end in .csv, as that of its format does"),
        (["format=latex", "output=table.csv"], "output=table.csv: must end in .tex, as that"),
        (["output=."], "output=.: must be the path of a file, not of a folder"),
    ],
)
def test_an_unusable_command_line_is_one_message(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in error_of(capsys, *arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "path"),
    [([], "table.csv"), (["format=markdown"], "table.md"), (["format=latex"], "table.tex")],
)
def test_the_default_file_is_named_after_the_target_and_format(
    arguments, path, tmp_path, monkeypatch
):
    write_finished(tmp_path / "outputs/a", "split=holdout")
    monkeypatch.chdir(tmp_path)
    assert main("report", ["target=table", *arguments]) == 0
    assert (tmp_path / "outputs" / path).is_file()
