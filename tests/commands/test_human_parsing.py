"""Human parsing from the command line: trained, killed and resumed, evaluated, predicted."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from clothseg.dataset import rle
from clothseg.dataset.cihp_submission import Submission
from clothseg.dataset.image import read_image
from support.command_line import records, wait_until
from support.parsing_run import QUERIES, draw, training
from support.small_datasets import png

KEPT = ("trainer.max_epochs=3", "trainer.ema_decay=0.9", "callbacks.checkpoints.keep_last=true")


@pytest.fixture(scope="module")
def dataset(command_line, tmp_path_factory):
    return draw(command_line, tmp_path_factory.mktemp("groups"), images=8)


@pytest.fixture(scope="module")
def trained(command_line, dataset, tmp_path_factory):
    """Record of a finished run, and what its command printed."""
    output = tmp_path_factory.mktemp("trained")
    command = training(command_line, output, dataset, *KEPT, "report.figures=all")
    result = command_line.run(command)
    assert result.returncode == 0, result.stderr
    (record,) = records(output)
    return record, result.stdout


@pytest.mark.slow(seconds=25)
def test_a_run_shows_and_records_the_scores_of_people(trained):
    record, printed = trained
    assert "AP^r" in printed
    assert "AP^p" in printed
    card = record.metrics["test"]
    block = card["parsing"]
    assert (card["apr"], card["app"]) == (block["apr"]["vol"], block["app"]["vol"])
    assert block["apcr"].keys() == block["characteristics"].keys() == {"size", "color"}
    assert record.metrics["validation"]["parsing"].keys() == block.keys()
    rows = (record.folder / "history.csv").read_text().splitlines()
    assert {"val/apr", "val/app", "val/pcp", "val/person", "val/dice"} <= set(rows[0].split(","))
    figures = {path.stem for path in (record.folder / "figures").glob("*.png")}
    assert {"people", "best", "worst", "class_iou", "learning_curves"} <= figures


@pytest.mark.slow(seconds=15)
def test_more_people_than_queries_are_counted_in_a_warning(trained):
    _, printed = trained
    assert f"more than model.queries={QUERIES} people, up to " in printed


@pytest.mark.slow(seconds=25)
def test_a_killed_run_ends_with_the_weights_of_an_uninterrupted_one(
    trained, command_line, dataset, tmp_path
):
    record, _ = trained
    command = training(command_line, tmp_path, dataset, *KEPT)
    process = command_line.start(command)
    wait_until(lambda: any(tmp_path.rglob("last.ckpt")), process)
    process.kill()
    process.communicate(timeout=30)
    result = command_line.run(command)
    assert result.returncode == 0, result.stderr
    assert "resumes from" in result.stdout
    (resumed,) = records(tmp_path)
    for name in ("best.ckpt", "last.ckpt"):
        ours, theirs = (
            torch.load(r.checkpoints / name, weights_only=True)["state_dict"]
            for r in (resumed, record)
        )
        assert all(torch.equal(value, theirs[key]) for key, value in ours.items())
    assert resumed.metrics["test"] == record.metrics["test"]
    assert resumed.metrics["validation"] == record.metrics["validation"]


@pytest.mark.slow(seconds=25)
@pytest.mark.parametrize("devices", [2, 3])
def test_several_devices_score_what_one_scores(devices, trained, command_line, tmp_path):
    record, _ = trained
    path = tmp_path / "scores.json"
    command = [*command_line.evaluate, f"run={record.folder}", f"output={path}"]
    result = command_line.run([*command, f"devices={devices}"])
    assert result.returncode == 0, result.stderr
    assert json.loads(path.read_text()) == record.metrics["test"]


@pytest.mark.slow(seconds=15)
def test_two_devices_train_also_where_pictures_have_no_one(command_line, dataset, tmp_path):
    devices = ("trainer=ddp_cpu", "trainer.devices=2", "trainer.threads=1", "split.validation=0.5")
    command = training(command_line, tmp_path, dataset, *devices)
    result = command_line.run_apart([word for word in command if word != "trainer=cpu"])
    assert result.returncode == 0, result.stderr
    (record,) = records(tmp_path)
    assert record.environment["device"].startswith("2 x CPU")


@pytest.mark.slow(seconds=15)
def test_flips_scales_and_folds_are_refused_with_the_reason(trained, command_line):
    record, _ = trained
    for option in ("tta=flip", "scales=[0.5,1.0]"):
        result = command_line.run([*command_line.evaluate, f"run={record.folder}", option])
        assert result.returncode == 1
        assert "not for task=parsing" in result.stderr
        assert "cannot be averaged" in result.stderr


@pytest.mark.slow(seconds=15)
def test_the_original_size_can_be_scored(trained, command_line, tmp_path):
    record, _ = trained
    path = tmp_path / "scores.json"
    command = [*command_line.evaluate, f"run={record.folder}", "resolution=original"]
    result = command_line.run([*command, f"output={path}"])
    assert result.returncode == 0, result.stderr
    card = json.loads(path.read_text())
    reduced = record.metrics["test"]
    assert np.sum(card["confusion_matrix"]) > np.sum(reduced["confusion_matrix"])
    assert card["parsing"]["num_images"] == reduced["parsing"]["num_images"]


@pytest.mark.slow(seconds=15)
def test_predictions_describe_people_and_can_be_submitted(trained, command_line, dataset, tmp_path):
    record, _ = trained
    photos = Path(dataset[1].partition("=")[2]) / "Validation" / "Images"
    output = tmp_path / "predicted"
    where = [f"run={record.folder}", f"input={photos}", f"output={output}"]
    result = command_line.run(["scripts/predict.py", *where])
    assert result.returncode == 0, result.stderr
    names = sorted(path.stem for path in photos.iterdir())
    values = {"parts": record.config["config"]["labels"]["names"]}
    values |= {
        kind: record.config["config"]["dataset"][kind]["names"] for kind in ("size", "color")
    }
    submission = Submission(output / "submission", values)
    for name in names:
        shape = read_image(photos / f"{name}.jpg").shape[:2]
        found = json.loads((output / "people" / f"{name}.json").read_text())
        submitted = submission.read(name, shape)
        assert (found["height"], found["width"]) == shape
        assert np.array_equal(png(output / "masks" / f"{name}.png"), submitted.maps["parts"])
        # A submission also has the people that are too uncertain to be shown, and those that are
        # shown as one.
        scores = [person["score"] for person in found["people"]]
        assert scores == sorted(scores, reverse=True)
        assert [person["number"] for person in found["people"]] == list(range(1, len(scores) + 1))
        submitted_people = dict(zip(submitted.scores.tolist(), submitted.people, strict=True))
        assert set(scores) <= set(submitted_people)
        for person in found["people"]:
            parts = submitted_people[person["score"]]
            mask = rle.decode(person["mask"]["counts"], *shape)
            left, top, width, height = person["box"]
            rows, columns = np.nonzero(mask)
            assert (columns.min(), rows.min()) == (left, top)
            assert (columns.max() + 1, rows.max() + 1) == (left + width, top + height)
            assert not (parts > 0)[~mask].any()
            classes = [values["parts"].index(part["class"]) for part in person["parts"]]
            assert len(classes) == len({*classes})
            assert {*classes} >= set(parts[parts > 0].tolist())
            for class_id, part in zip(classes, person["parts"], strict=True):
                inside = rle.decode(part["mask"]["counts"], *shape)
                assert inside[parts == class_id].all()
                assert (submitted.maps["parts"][inside] == class_id).all()
                assert part["class"].lower() in person["description"]
        assert (output / "overlays" / f"{name}.png").is_file()
        text = f"{name}  person {len(found['people'])}" if found["people"] else ""
        assert text in result.stdout
    assert submission.missing == []
    assert len(json.loads((output / "areas.json").read_text())) == len(names)


@pytest.mark.slow(seconds=15)
def test_a_training_starts_from_a_run_with_other_characteristics(
    trained, command_line, dataset, tmp_path
):
    """Of heads that both have, all weights are taken; a new one is random."""
    record, _ = trained
    changes = ["model.characteristics=[color,pattern]", "model.frozen=norm"]
    command = training(command_line, tmp_path, dataset, *changes)
    result = command_line.run([*command, f"init_from={record.folder}"])
    assert result.returncode == 0, result.stderr
    assert "starts from the best epoch of" in result.stdout
    assert "head of pattern is new: the run has none" in result.stdout
    assert "head of color" not in result.stdout
    assert "random weights" not in result.stdout


@pytest.mark.slow(seconds=15)
def test_figures_of_semantic_runs_leave_out_those_of_human_parsing(trained, command_line, tmp_path):
    record, _ = trained
    where = [f"runs={record.folder}", f"output={tmp_path / 'figure.png'}"]
    for target in ("comparison", "examples"):
        result = command_line.run(["scripts/report.py", f"target={target}", *where])
        assert result.returncode == 1
        assert "is of human parsing" in result.stdout + result.stderr
    result = command_line.run(["scripts/report.py", "target=speed_accuracy", *where])
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "figure.png").is_file()
