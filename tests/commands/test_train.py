"""`python train.py`, as a person types it: folds, grids, failures, repetition, refusals."""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from clothseg.commands.main import main
from support.command_line import files, records
from support.small_datasets import write_mask

RUN_FILES = {
    *("config.yaml", "split.json", "environment.json", "status.json", "metrics.json"),
    *("per_class.csv", "confusion_matrix.npy", "confusion_matrix.png", "history.csv", "log.txt"),
    *("checkpoints/best.ckpt", "checkpoints/last.ckpt", "figures/learning_curves.png"),
    *("figures/class_iou.png", "figures/best.png", "figures/worst.png"),
}
FRAGILE_LOSS = """
import os
from clothseg.loss import cross_entropy

def fragile(pixels, *, marked: bool):
    if marked and "BROKEN" in os.environ:
        raise RuntimeError("the seam burst")
    return cross_entropy(pixels)
"""


@pytest.mark.slow
def test_a_sweep_trains_every_fold_and_adds_them_up(swept):
    output, said = swept
    assert said.returncode == 0, said.stderr
    first, second = records(output)
    assert (first.folder.name, second.folder.name) == ("fold-0", "fold-1")
    for record in (first, second):
        found = {str(p.relative_to(record.folder)) for p in files(record.folder)}
        assert found == RUN_FILES
        assert record.status == {"state": "done", "attempts": 1, "error": None}
    folder = first.folder.parent
    beside = {p.name for p in folder.iterdir()} - {"fold-0", "fold-1"}
    assert beside == {
        *("summary.json", "per_class.csv", "confusion_matrix.npy", "confusion_matrix.png"),
        "figures",
    }
    assert not (output / ".sweep").exists()

    tested = [json.loads((r.folder / "split.json").read_text())["test"] for r in (first, second)]
    assert sorted(tested[0] + tested[1]) == [f"{number:04}" for number in range(1, 17)]
    matrices = [np.load(record.folder / "confusion_matrix.npy") for record in (first, second)]
    assert np.array_equal(np.load(folder / "confusion_matrix.npy"), matrices[0] + matrices[1])
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

    iou = summary["mean"]["iou"]
    assert f"{100 * iou['mean']:.1f} ± {100 * iou['std']:.1f}" in said.stdout
    assert all(f"\n{row['name']} " in said.stdout for row in cards[0]["per_class"])
    assert "2 jobs: 2 done" in said.stdout
    assert str(folder) in said.stdout


@pytest.mark.slow
@pytest.mark.parametrize("place", ["last", "first", "middle"])
def test_what_is_done_is_skipped_wherever_the_flag_stands(place, swept, command_line):
    output, _ = swept
    before = files(output)
    program, *overrides = command_line.tiny(output)
    position = {"first": 0, "middle": 3, "last": len(overrides)}[place]
    said = command_line.run([program, *overrides[:position], "-m", *overrides[position:]])
    assert (said.returncode, said.stderr) == (0, "")
    assert "2 jobs: 2 skipped" in said.stdout
    assert files(output) == before


@pytest.mark.slow
def test_without_the_flag_fold_0_alone_is_done_and_can_be_done_again(swept, command_line, tmp_path):
    shutil.copytree(swept[0], tmp_path / "outputs")
    output = tmp_path / "outputs"
    before = files(output)
    said = command_line.run(command_line.tiny(output))
    assert said.returncode == 0
    assert "fold-0" in said.stdout
    assert "fold-1" not in said.stdout
    assert "this run is done; rerun=true trains it again" in said.stdout
    assert files(output) == before

    said = command_line.run(command_line.tiny(output, "rerun=true"))
    assert said.returncode == 0, said.stderr
    new, old, other = records(output)
    assert [r.folder.name for r in (new, old, other)] == ["fold-0", "fold-0.replaced-1", "fold-1"]
    assert str(old.folder) in said.stdout
    assert new.metrics["test"] == old.metrics["test"]
    assert files(old.folder).keys() == {old.folder / name for name in RUN_FILES}
    # A summary of folds that were replaced would be about runs that are not there.
    assert not (new.folder.parent / "summary.json").exists()


@pytest.mark.slow
def test_a_missing_fold_is_an_error_and_no_smaller_mean(swept, command_line, tmp_path):
    output = tmp_path / "outputs"
    shutil.copytree(swept[0], output)
    broken, whole = records(output)
    (broken.folder.parent / "summary.json").unlink()
    broken.set_state("failed", error="cut off")
    split = broken.folder / "split.json"
    split.write_text(split.read_text().replace("0001", "0002"))
    before = files(whole.folder)
    said = command_line.run(command_line.tiny(output, "-m"))
    assert said.returncode == 1
    assert "fold 0 of 2 is missing; there is no cross-validated score" in said.stderr
    assert "2 jobs: 1 skipped, 1 failed" in said.stdout
    assert "was changed by hand" in " ".join(said.stdout.split())
    assert not (whole.folder.parent / "summary.json").exists()
    assert files(whole.folder) == before


@pytest.mark.slow(seconds=12)
def test_a_failed_job_stops_no_other_and_is_tried_again(command_line, tmp_path):
    output = tmp_path / "outputs"
    (tmp_path / "own_losses.py").write_text(FRAGILE_LOSS)
    own = ["trust=[own_losses]", "loss._target_=own_losses.fragile", "+loss.marked=true,false"]
    grid = ["split=holdout", "data.batch_size=4,9999", "-m"]
    command = [*command_line.tiny(output, *own, *grid)]
    command.remove("split.folds=2")
    place = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}

    said = command_line.run(command, BROKEN="yes", **place)
    assert said.returncode == 1
    assert "4 jobs: 1 done, 3 failed" in said.stdout
    words = " ".join(said.stdout.split())
    assert "RuntimeError: the seam burst" in words
    assert "data.batch_size=9999" in words
    (log,) = [line.split(": ", 1)[1] for line in said.stdout.splitlines() if "log of" in line]
    assert "own_losses.py" in Path(log).read_text()
    (done,) = records(output)
    assert not done.folder.name.startswith("fold")
    before = files(done.folder)

    said = command_line.run(command, **place)
    assert said.returncode == 1
    assert "4 jobs: 1 done, 1 skipped, 2 failed" in said.stdout
    assert "all configurations, test part" in said.stdout
    assert files(done.folder) == before
    assert [record.status["state"] for record in records(output)] == ["done", "done"]


@pytest.mark.slow(seconds=8)
def test_a_record_can_be_run_again_and_cannot_run_what_is_not_trusted(
    swept, command_line, tmp_path
):
    recorded = records(swept[0])[1]
    again = ["train.py", f"output={tmp_path / 'again'}"]
    said = command_line.run([*again, f"rerun_from={recorded.folder}"])
    assert said.returncode == 0, said.stderr
    (repeated,) = records(tmp_path / "again")
    assert repeated.folder.parts[-4:] == recorded.folder.parts[-4:]
    assert repeated.metrics["test"] == recorded.metrics["test"]

    said = command_line.run([*again, f"rerun_from={recorded.folder}", "trainer.max_epochs=2"])
    assert said.returncode == 1
    assert "repeats one run as it was, so trainer.max_epochs cannot be set" in said.stderr

    poisoned = tmp_path / "poisoned"
    shutil.copytree(recorded.folder, poisoned)
    content = recorded.config
    content["config"] |= {"loss": {"_target_": "os.system"}, "trust": ["os", "posix"]}
    (poisoned / "config.yaml").write_text(yaml.safe_dump(content))
    before = files(tmp_path)
    for script in (again, ["scripts/evaluate.py"]):
        key = "run" if "scripts" in script[0] else "rerun_from"
        said = command_line.run([*script, f"{key}={poisoned}"])
        assert said.returncode == 1
        assert "loss._target_=os.system is not trusted" in said.stderr
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("defect", "message"),
    [
        (shutil.rmtree, "is not a folder; expected there: photos/"),
        (lambda root: shutil.rmtree(root / "annotations"), "has another layout: expected photos"),
        (
            lambda root: (root / "photos/0003.jpg").unlink(),
            "1 photos of annotations/pixel-level",
        ),
    ],
)
def test_a_wrong_folder_is_refused(defect, message, small_ccp, command_line, tmp_path, capsys):
    defect(small_ccp)
    output = tmp_path / "outputs"
    typed = ["dataset=ccp", *command_line.common(output), f"dataset.root={small_ccp}"]
    assert main("train", typed) == 1
    told = capsys.readouterr().err
    assert message in told
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert not output.exists()


@pytest.mark.slow(seconds=4)
@pytest.mark.parametrize("flags", [[], ["-m"]])
def test_a_disk_that_fills_up_fails_the_run_with_one_message(flags, command_line, tmp_path):
    full = {"RLIMIT_FSIZE": 500_000}  # less than a checkpoint
    process = command_line.start(command_line.tiny(tmp_path, *flags), full)
    output, error = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "Traceback" not in output + error
    assert "File too large" in output + error
    states = [record.status["state"] for record in records(tmp_path)]
    assert set(states) == {"failed"}
    assert not list(tmp_path.rglob("*.ckpt"))


@pytest.mark.slow
def test_defective_files_are_refused_and_leave_nothing(small_ccp, command_line, tmp_path):
    roots = {name: tmp_path / name for name in ("truncated", "label", "size")}
    for root in roots.values():
        shutil.copytree(small_ccp, root)
    photo = roots["truncated"] / "photos" / "0002.jpg"
    photo.write_bytes(photo.read_bytes()[:400])
    write_mask(roots["label"], 2, np.full((40, 30), 59, np.uint8))
    write_mask(roots["size"], 2, np.zeros((30, 40), np.uint8))
    output = tmp_path / "outputs"
    said = command_line.run(
        [
            *("train.py", "dataset=ccp", "split=holdout", *command_line.common(output)),
            *(f"dataset.root={','.join(map(str, roots.values()))}", "-m"),
        ]
    )
    assert said.returncode == 1
    assert "3 jobs: 3 failed" in said.stdout
    words = "".join(said.stdout.split())
    for part in (
        "0002.jpg:thephotoistruncated(400bytes)",
        "0002.mat:label59isoutofrange;allowedare0to58",
        "0002.mat:labelsare40x30,itsphoto",
    ):
        assert part in words
    assert not output.exists()


@pytest.mark.slow(seconds=8)
def test_keys_of_swept_options_are_set_in_all_of_them(command_line, tmp_path):
    """Though the option that would be taken without a sweep has no such key."""
    grid = ["model=fcn,deeplabv3", "backbone=resnet18", "model.output_stride=16", "split=holdout"]
    kept = [
        word
        for word in command_line.tiny(tmp_path, *grid, "-m")
        if word not in ("model=unet", "backbone=mobilenet_v2", "split.folds=2")
        and not word.startswith("model.decoder_channels")
    ]
    said = command_line.run(kept)
    assert said.returncode == 0, said.stderr
    assert "2 jobs: 2 done" in said.stdout
    assert "++" not in said.stdout
    assert "\nmodel=fcn " in said.stdout
    for record in records(tmp_path):
        assert record.config["config"]["model"]["output_stride"] == 16
        assert not any(word.startswith("+") for word in record.config["overrides"])
    assert "2 jobs: 2 skipped" in command_line.run(kept).stdout


def test_weights_that_are_not_there_are_refused(command_line, tmp_path, capsys):
    output = tmp_path / "outputs"
    said = command_line.run_anew(  # the libraries read these variables when they are loaded
        command_line.tiny(output, "backbone.weights=imagenet"),
        HF_HUB_OFFLINE="1",
        HF_HOME=str(tmp_path / "hub"),
    )
    assert said.returncode == 1
    assert "backbone.weights=imagenet: the weights of mobilenet_v2 are not" in said.stderr
    assert main("train", command_line.tiny(output, "backbone.weights=nowhere.pth")[1:]) == 1
    assert "backbone.weights=nowhere.pth: no such file" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--help"], 0, "groups (the default in brackets):"),
        (["model=fnp", "optimizer.lr=x"], 1, "model=fnp: no such option; did you mean `fpn`?"),
        (["seed=0,1"], 1, "several values for one key are a sweep: add -m"),
        (["split=kfold,holdout", "-m"], 1, "a sweep needs one number of folds"),
        (["rerun_from=nowhere"], 1, "nowhere is no run folder: it has no config.yaml"),
    ],
)
def test_help_and_mistakes_are_answered_without_torch(
    arguments, status, message, command_line, tmp_path
):
    output = tmp_path / "outputs"
    command = ["-X", "importtime", "train.py", *arguments]
    said = command_line.run_anew([*command, *([f"output={output}"] if status else [])])
    imported = {line.split("|")[-1].strip() for line in said.stderr.splitlines() if "|" in line}
    told = "\n".join(line for line in said.stderr.splitlines() if "|" not in line)
    assert said.returncode == status
    assert message in said.stdout + told
    assert "hydra" in imported or not status
    assert not imported & {"torch", "pytorch_lightning", "albumentations"}
    assert not output.exists()


def test_an_output_that_cannot_be_is_told_before_anything_is_done(command_line, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert main("train", command_line.tiny(tmp_path / "file" / "runs", "-m")[1:]) == 1
    place = tmp_path / "file"
    said = capsys.readouterr()
    assert f"output={place}/runs: {place} is a file, and no folder" in said.err
    assert said.out == ""
