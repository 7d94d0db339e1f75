"""`python train.py` from the user's perspective: folds, grids, failures, repetition, errors."""

import csv
import json
import math
import os
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from clothseg.commands.main import main
from clothseg.files import write_json
from clothseg.metric.aggregate import aggregate
from clothseg.run.record import Record
from clothseg.run.tables import read_history, read_image_scores
from support.command_line import files, records
from support.small_datasets import write_mask

RUN_FILES = {
    *("config.yaml", "split.json", "environment.json", "status.json", "metrics.json"),
    "checksums.json",
    *("per_class.csv", "confusion_matrix.npy", "confusion_matrix.png", "history.csv", "log.txt"),
    *("checkpoints/best.ckpt", "figures/learning_curves.png"),
    *("figures/class_iou.png", "figures/best.png", "figures/worst.png"),
    "image_scores.npz",
}
FRAGILE_LOSS = """
import os
from clothseg.loss.pixelwise import CrossEntropy

class fragile(CrossEntropy):
    def __init__(self, *, marked: bool):
        super().__init__()
        self.broken = marked and "BROKEN" in os.environ

    def forward(self, output, batch):
        if self.broken and "name" in batch:  # in the training, not in the check before it
            raise RuntimeError("the seam burst")
        return super().forward(output, batch)
"""


@pytest.mark.slow
def test_a_sweep_trains_every_fold_and_aggregates_them(swept):
    output, result = swept
    assert result.returncode == 0, result.stderr
    first, second = records(output)
    assert (first.folder.name, second.folder.name) == ("fold-0", "fold-1")
    for record in (first, second):
        found = {str(p.relative_to(record.folder)) for p in files(record.folder)}
        assert found == RUN_FILES
        assert record.status == {"state": "done", "attempts": 1, "error": None}
    folder = first.folder.parent
    summaries = {p.name for p in folder.iterdir()} - {"fold-0", "fold-1"}
    assert summaries == {
        *("summary.json", "per_class.csv", "confusion_matrix.npy", "confusion_matrix.png"),
        "figures",
    }
    assert not (output / ".sweep").exists()

    tested = [json.loads((r.folder / "split.json").read_text())["test"] for r in (first, second)]
    assert sorted(tested[0] + tested[1]) == [f"{number:04}" for number in range(1, 17)]
    matrices = [np.load(record.folder / "confusion_matrix.npy") for record in (first, second)]
    assert np.array_equal(np.load(folder / "confusion_matrix.npy"), matrices[0] + matrices[1])
    for record, names, matrix in zip((first, second), tested, matrices, strict=True):
        table = read_image_scores(record.folder)
        assert table.names.tolist() == sorted(names)
        true_positive, false_positive, false_negative = table.counts.sum(0)
        assert np.array_equal(true_positive, matrix.diagonal())
        assert np.array_equal(true_positive + false_positive, matrix.sum(0))
        assert np.array_equal(true_positive + false_negative, matrix.sum(1))
        for row, plus in zip(record.metrics["test"]["per_class"], table.iou_plus.T, strict=True):
            defined = plus[~np.isnan(plus)]
            assert (row["iou_plus"] is None) == (len(defined) == 0)
            assert len(defined) == 0 or row["iou_plus"] == pytest.approx(defined.mean())
    cards = [record.metrics["test"] for record in (first, second)]
    assert [card["confusion_matrix"] for card in cards] == [m.tolist() for m in matrices]
    summary = json.loads((folder / "summary.json").read_text())
    with (folder / "per_class.csv").open() as file:
        table = list(csv.DictReader(file))
    assert summary["folds"] == 2
    for key in ("precision", "recall", "f1", "iou", "iou_image", "iou_plus", "boundary_iou"):
        mean = [card["mean"][key] for card in cards]
        assert summary["mean"][key]["mean"] == pytest.approx(np.mean(mean))
        assert summary["mean"][key]["std"] == pytest.approx(np.std(mean, ddof=1))
        for number, row in enumerate(summary["per_class"]):
            values = [card["per_class"][number][key] for card in cards]
            defined = [value for value in values if value is not None]
            assert row[key]["n"] == len(defined)
            if len(defined) == 2:
                assert row[key]["mean"] == pytest.approx(np.mean(defined))
                assert row[key]["std"] == pytest.approx(np.std(defined, ddof=1))
                assert float(table[number][f"{key}_mean"]) == row[key]["mean"]

    validation = [record.metrics["validation"] for record in (first, second)]
    assert summary["validation"] == aggregate(validation)
    for record, card in zip((first, second), validation, strict=True):
        assert card.keys() == cards[0].keys()
        (row,) = read_history(record.folder)
        assert card["mean"]["iou"] == pytest.approx(row["val/mean_iou"])
        assert record.metrics["validation_loss"] == row["val/loss"]
        assert record.metrics["monitor"] == "val/mean_iou"
    iou = summary["validation"]["mean"]["iou"]
    (line,) = (x for x in result.stdout.splitlines() if x.startswith("validation mean "))
    assert f"{100 * iou['mean']:.1f} ± {100 * iou['std']:.1f}" in line
    iou = summary["mean"]["iou"]
    assert f"{100 * iou['mean']:.1f} ± {100 * iou['std']:.1f}" in result.stdout
    assert all(f"\n{row['name']} " in result.stdout for row in cards[0]["per_class"])
    assert "2 jobs: 2 done" in result.stdout
    assert str(folder) in result.stdout


@pytest.mark.slow(seconds=8)
def test_validation_on_the_test_part_gives_the_scores_of_the_test(command_line, tmp_path):
    """Something monitors each of the costly scores, so that both cards are complete."""
    monitor = "callbacks.checkpoints.monitor=val/mean_iou_plus"
    plateau = ["scheduler=plateau", "scheduler.monitor=val/mean_boundary_iou"]
    settings = ["split.validation=test", "trainer.max_epochs=3", "metric.train=true"]
    result = command_line.run(command_line.tiny(tmp_path, *settings, monitor, *plateau))
    assert result.returncode == 0, result.stderr
    (record,) = records(tmp_path)
    assert record.metrics["validation"] == record.metrics["test"]
    rows = read_history(record.folder)
    values = [row["val/mean_iou_plus"] for row in rows]
    assert record.metrics["best_epoch"] == 1 + int(np.argmax(values))
    assert record.metrics["validation"]["mean"]["iou_plus"] == pytest.approx(max(values))
    assert all(0 <= row["train/mean_iou"] <= row["train/accuracy"] <= 1 for row in rows)
    lines = [line for line in result.stdout.splitlines() if "IoU+ " in line]
    for value, line in zip(values, lines, strict=True):
        assert f"IoU+ {100 * value:.1f}" in line


@pytest.mark.slow
@pytest.mark.parametrize("position", ["last", "first", "middle"])
def test_finished_runs_are_skipped_wherever_the_flag_is(position, swept, command_line):
    output, _ = swept
    before = files(output)
    program, *overrides = command_line.tiny(output)
    index = {"first": 0, "middle": 3, "last": len(overrides)}[position]
    result = command_line.run([program, *overrides[:index], "-m", *overrides[index:]])
    assert (result.returncode, result.stderr) == (0, "")
    assert "2 jobs: 2 skipped" in result.stdout
    assert files(output) == before


@pytest.mark.slow
def test_records_of_earlier_versions_are_skipped_and_summarized(swept, command_line, tmp_path):
    """They have neither validation scores nor the scores of each image."""
    output = tmp_path / "outputs"
    shutil.copytree(swept[0], output)
    for record in records(output):
        (record.folder / "checksums.json").unlink()
        later = ("validation", "validation_loss", "monitor")
        metrics = {key: value for key, value in record.metrics.items() if key not in later}
        write_json(record.folder / "metrics.json", metrics)
        (record.folder / "image_scores.npz").unlink()
    summary = records(output)[0].folder.parent / "summary.json"
    expected = json.loads(summary.read_text())
    del expected["validation"]
    summary.unlink()
    result = command_line.run(command_line.tiny(output, "-m"))
    assert (result.returncode, result.stderr) == (0, "")
    assert "2 jobs: 2 skipped" in result.stdout
    assert "validation mean" not in result.stdout
    assert json.loads(summary.read_text()) == expected


@pytest.mark.slow
def test_without_the_flag_only_fold_0_is_trained_and_can_be_rerun(swept, command_line, tmp_path):
    shutil.copytree(swept[0], tmp_path / "outputs")
    output = tmp_path / "outputs"
    before = files(output)
    result = command_line.run(command_line.tiny(output))
    assert result.returncode == 0
    assert "fold-0" in result.stdout
    assert "fold-1" not in result.stdout
    assert "this run has already finished; rerun=true trains it again" in result.stdout
    assert files(output) == before

    result = command_line.run(command_line.tiny(output, "rerun=true", "report.figures=all"))
    assert result.returncode == 0, result.stderr
    new, old, other = records(output)
    assert [r.folder.name for r in (new, old, other)] == ["fold-0", "fold-0.replaced-1", "fold-1"]
    assert str(old.folder) in result.stdout
    assert new.metrics["test"] == old.metrics["test"]
    assert files(old.folder).keys() == {old.folder / name for name in RUN_FILES}
    # A summary would describe the replaced fold, whose run has moved aside.
    assert not (new.folder.parent / "summary.json").exists()


@pytest.mark.slow
def test_a_missing_fold_is_an_error_and_the_mean_is_not_reduced_to_the_others(
    swept, command_line, tmp_path
):
    output = tmp_path / "outputs"
    shutil.copytree(swept[0], output)
    broken, intact = records(output)
    (broken.folder.parent / "summary.json").unlink()
    broken.set_state("failed", error="interrupted")
    split = broken.folder / "split.json"
    split.write_text(split.read_text().replace("0001", "0002"))
    before = files(intact.folder)
    result = command_line.run(command_line.tiny(output, "-m"))
    assert result.returncode == 1
    assert "fold 0 of 2 is missing, so there is no cross-validated score" in result.stderr
    assert "2 jobs: 1 skipped, 1 failed" in result.stdout
    assert "has changed since the run ended" in " ".join(result.stdout.split())
    assert not (intact.folder.parent / "summary.json").exists()
    assert files(intact.folder) == before


@pytest.mark.slow(seconds=12)
def test_a_failed_job_does_not_stop_others_and_is_retried(command_line, tmp_path):
    output = tmp_path / "outputs"
    (tmp_path / "own_losses.py").write_text(FRAGILE_LOSS)
    own = ["trust=[own_losses]", "loss._target_=own_losses.fragile", "+loss.marked=true,false"]
    grid = ["split=holdout", "data.batch_size=4,9999", "-m"]
    command = [*command_line.tiny(output, *own, *grid)]
    command.remove("split.folds=2")
    environment = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}

    result = command_line.run(command, BROKEN="yes", **environment)
    assert result.returncode == 1
    assert "4 jobs: 1 done, 3 failed" in result.stdout
    words = " ".join(result.stdout.split())
    assert "RuntimeError: the seam burst" in words
    assert "data.batch_size=9999" in words
    (log,) = [line.split(": ", 1)[1] for line in result.stdout.splitlines() if "log of" in line]
    assert "own_losses.py" in Path(log).read_text()
    (done,) = [record for record in records(output) if record.status["state"] == "done"]
    assert not done.folder.name.startswith("fold")
    before = files(done.folder)

    result = command_line.run(command, **environment)
    assert result.returncode == 1
    assert "4 jobs: 1 done, 1 skipped, 2 failed" in result.stdout
    assert "all configurations, test set" in result.stdout
    assert files(done.folder) == before
    assert [record.status["state"] for record in records(output)] == ["done", "done"]


@pytest.mark.slow(seconds=8)
def test_a_record_can_be_repeated_but_cannot_run_untrusted_functions(swept, command_line, tmp_path):
    recorded = records(swept[0])[1]
    cache = f"data.cache={command_line.folder / 'cache'}"
    again = ["train.py", f"output={tmp_path / 'again'}", cache]
    result = command_line.run([*again, f"rerun_from={recorded.folder}"])
    assert result.returncode == 0, result.stderr
    (repeated,) = records(tmp_path / "again")
    assert repeated.folder.parts[-4:] == recorded.folder.parts[-4:]
    assert repeated.metrics["test"] == recorded.metrics["test"]

    result = command_line.run([*again, f"rerun_from={recorded.folder}", "trainer.max_epochs=2"])
    assert result.returncode == 0, result.stderr
    (longer,) = [one for one in records(tmp_path / "again") if one.folder != repeated.folder]
    assert longer.metrics["epochs"] == 2
    assert longer.config["config"]["rerun_from"] == str(recorded.folder)

    poisoned = tmp_path / "poisoned"
    shutil.copytree(recorded.folder, poisoned)
    content = recorded.config
    content["config"] |= {"loss": {"_target_": "os.system"}, "trust": ["os", "posix"]}
    (poisoned / "config.yaml").write_text(yaml.safe_dump(content))
    (poisoned / "checksums.json").unlink()
    before = files(tmp_path)
    for script in (again, command_line.evaluate):
        key = "run" if "scripts" in script[0] else "rerun_from"
        result = command_line.run([*script, f"{key}={poisoned}"])
        assert result.returncode == 1
        assert "loss._target_=os.system is not trusted" in result.stderr
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("defect", "message"),
    [
        (shutil.rmtree, "is not a folder; expected a folder with photos/"),
        (
            lambda root: shutil.rmtree(root / "annotations"),
            "has an unexpected layout: expected photos",
        ),
        (
            lambda root: (root / "photos/0003.jpg").unlink(),
            "1 images of annotations/pixel-level",
        ),
    ],
)
def test_an_invalid_dataset_folder_is_an_error(
    defect, message, small_ccp, command_line, tmp_path, capsys
):
    defect(small_ccp)
    output = tmp_path / "outputs"
    arguments = ["dataset=ccp", *command_line.common(output), f"dataset.root={small_ccp}"]
    assert main("train", arguments) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert not output.exists()


@pytest.mark.slow(seconds=4)
@pytest.mark.parametrize("flags", [[], ["-m"]])
def test_a_full_disk_fails_the_run_with_one_message(flags, command_line, tmp_path):
    full = {"RLIMIT_FSIZE": 500_000}  # less than a checkpoint
    process = command_line.start(command_line.tiny(tmp_path, *flags), full)
    output, error = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "Traceback" not in output + error
    assert "File too large" in " ".join((output + error).split())
    states = [record.status["state"] for record in records(tmp_path)]
    assert set(states) == {"failed"}
    assert not list(tmp_path.rglob("*.ckpt"))


@pytest.mark.slow
def test_defective_files_are_errors_and_no_output_is_written(small_ccp, command_line, tmp_path):
    roots = {name: tmp_path / name for name in ("truncated", "label", "size")}
    for root in roots.values():
        shutil.copytree(small_ccp, root)
    photo = roots["truncated"] / "photos" / "0002.jpg"
    photo.write_bytes(photo.read_bytes()[:400])
    write_mask(roots["label"], 2, np.full((40, 30), 59, np.uint8))
    write_mask(roots["size"], 2, np.zeros((30, 40), np.uint8))
    output = tmp_path / "outputs"
    result = command_line.run(
        [
            *("train.py", "dataset=ccp", "split=holdout", *command_line.common(output)),
            *(f"dataset.root={','.join(map(str, roots.values()))}", "-m"),
        ]
    )
    assert result.returncode == 1
    assert "jobs" not in result.stdout  # none was started
    words = "".join(result.stderr.split())
    for part in (
        "0002.jpg:theimageistruncated(400bytes)",
        "0002.mat:label59isoutofrange;allowedare0to58",
        "0002.mat:labelsare40x30,butitsimage",
    ):
        assert words.count(part) == 1
    assert not output.exists()


@pytest.mark.slow(seconds=8)
def test_keys_of_swept_options_are_set_for_each_option(command_line, tmp_path):
    """The default option of the swept group does not have the key."""
    grid = ["model=fcn,deeplabv3", "backbone=resnet18", "model.output_stride=16", "split=holdout"]
    command = [
        argument
        for argument in command_line.tiny(tmp_path, *grid, "-m")
        if argument not in ("model=unet", "backbone=mobilenet_v2", "split.folds=2")
        and not argument.startswith("model.decoder_channels")
    ]
    result = command_line.run(command)
    assert result.returncode == 0, result.stderr
    assert "2 jobs: 2 done" in result.stdout
    assert "++" not in result.stdout
    assert "\nmodel=fcn " in result.stdout
    for record in records(tmp_path):
        assert record.config["config"]["model"]["output_stride"] == 16
        assert not any(text.startswith("+") for text in record.config["overrides"])
    assert "2 jobs: 2 skipped" in command_line.run(command).stdout


@pytest.mark.slow(seconds=3)
def test_missing_weights_are_an_error(command_line, tmp_path, capsys):
    output = tmp_path / "outputs"
    result = command_line.run_anew(  # libraries read these variables at import
        command_line.tiny(output, "backbone.weights=imagenet"),
        HF_HUB_OFFLINE="1",
        HF_HOME=str(tmp_path / "hub"),
    )
    assert result.returncode == 1
    assert "backbone.weights=imagenet: the weights of mobilenet_v2 are not" in result.stderr
    assert main("train", command_line.tiny(output, "backbone.weights=nowhere.pth")[1:]) == 1
    assert "backbone.weights=nowhere.pth: no such file" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.slow(seconds=2)
@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--help"], 0, "groups (default in brackets):"),
        (["model=fnp", "optimizer.lr=x"], 1, "model=fnp: no such option; did you mean `fpn`?"),
        (["seed=0,1"], 1, "several values for one key require a sweep: add -m"),
        (["split=kfold,holdout", "-m"], 1, "all jobs of a sweep need the same number of folds"),
        (["rerun_from=nowhere"], 1, "nowhere is not a run folder: no config.yaml in it"),
    ],
)
def test_help_and_errors_do_not_import_torch(arguments, status, message, command_line, tmp_path):
    output = tmp_path / "outputs"
    command = ["-X", "importtime", "train.py", *arguments]
    result = command_line.run_anew([*command, *([f"output={output}"] if status else [])])
    imported = {line.split("|")[-1].strip() for line in result.stderr.splitlines() if "|" in line}
    error = "\n".join(line for line in result.stderr.splitlines() if "|" not in line)
    assert result.returncode == status
    assert message in result.stdout + error
    assert "hydra" in imported or not status
    assert not imported & {"torch", "pytorch_lightning", "albumentations"}
    assert not output.exists()


def test_an_invalid_output_folder_is_an_error_before_anything_runs(command_line, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert main("train", command_line.tiny(tmp_path / "file" / "runs", "-m")[1:]) == 1
    file = tmp_path / "file"
    captured = capsys.readouterr()
    assert f"output={file}/runs: {file} is a file, not a folder" in captured.err
    assert captured.out == ""


@pytest.mark.slow(seconds=10)
def test_a_diverged_run_has_failed_and_says_where_and_what_to_change(command_line, tmp_path):
    command = command_line.tiny(tmp_path, "optimizer=sgd", "optimizer.lr=1e9")
    for _ in range(2):  # a repetition does not make it true
        result = command_line.run(command)
        assert result.returncode == 1
        assert re.search(r"epoch 1, (step \d+: the loss|validation: the network)", result.stderr)
        assert "is not finite" in result.stderr
        assert "lower optimizer.lr" in result.stderr
        assert "Traceback" not in result.stderr + result.stdout
    (record,) = records(tmp_path)
    assert record.status["state"] == "failed"
    assert "is not finite" in record.status["error"]
    assert not (record.folder / "metrics.json").exists()
    images = re.search(r"Images of the batch: (\w+)", record.status["error"])[1]
    log = (record.folder / "log.txt").read_text()
    assert "is not finite" in log
    assert images in log
    sweep = command_line.run([*command, "-m"])
    assert sweep.returncode == 1
    assert "2 jobs: 2 failed" in sweep.stdout
    assert not list(tmp_path.rglob("summary.json"))


@pytest.mark.slow(seconds=6)
def test_weights_that_are_not_finite_are_not_used(swept, command_line, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(records(swept[0])[0].folder, copy)
    (copy / "checksums.json").unlink()
    path = Record(copy).best_checkpoint
    content = torch.load(path, weights_only=True)
    next(value for name, value in content["state_dict"].items() if "conv" in name).fill_(math.nan)
    torch.save(content, path)
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), np.zeros((20, 20, 3), np.uint8))
    for command in (
        [*command_line.evaluate, f"run={copy}"],
        ["scripts/predict.py", f"run={copy}", f"input={photo}", f"output={tmp_path / 'out'}"],
        ["scripts/export.py", f"run={copy}", f"output={tmp_path / 'net.onnx'}"],
    ):
        result = command_line.run(command)
        assert result.returncode == 1
        assert "weights are not finite, such as network." in result.stderr
        assert "Traceback" not in result.stderr
    assert not any((tmp_path / name).exists() for name in ("out", "net.onnx"))
