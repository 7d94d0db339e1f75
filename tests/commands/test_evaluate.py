"""`python scripts/evaluate.py`: a recorded run scored again."""

import json
from pathlib import Path

import numpy as np
import pytest

from clothseg.commands.main import main
from clothseg.dataset.wardrobe import LAYOUTS
from clothseg.metric.names import COSTLY
from support.command_line import files, records
from support.shipped_config import label_space, reader_of


@pytest.mark.slow
def test_evaluation_reproduces_the_scores_of_the_run(swept, command_line, tmp_path):
    record = records(swept[0])[1]
    before = files(record.folder)
    result = command_line.run(
        [*command_line.evaluate, f"run={record.folder}", f"output={tmp_path / 'test.json'}"]
    )
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "test.json").read_text()) == record.metrics["test"]
    assert str(tmp_path / "test.json") in result.stdout
    assert f"unet-mobilenet_v2/{record.folder.parent.name}/fold-1\ntest set" in result.stdout
    assert files(record.folder) == before


@pytest.mark.slow
def test_another_subset_can_be_scored(swept, command_line, tmp_path):
    record = records(swept[0])[0]
    output = tmp_path / "validation.json"
    result = command_line.run(
        [
            *(*command_line.evaluate, f"run={record.folder}", "subset=validation"),
            f"output={output}",
        ]
    )
    assert result.returncode == 0, result.stderr
    assert "validation set" in result.stdout
    split = json.loads((record.folder / "split.json").read_text())
    card = json.loads(output.read_text())
    assert card["num_images"] == len(split["validation"])
    for scores in (card["mean"], *card["per_class"]):  # not computed in validation
        scores |= dict.fromkeys(COSTLY)
    assert card == record.metrics["validation"]
    rows = (record.folder / "history.csv").read_text().splitlines()
    last = dict(zip(rows[0].split(","), rows[1].split(","), strict=True))
    assert card["mean"]["iou"] == pytest.approx(float(last["val/mean_iou"]))


@pytest.mark.slow
def test_flip_tta_changes_scores_and_is_stated_in_the_table(swept, command_line, tmp_path):
    record = records(swept[0])[0]
    output = tmp_path / "flip.json"
    result = command_line.run(
        [*command_line.evaluate, f"run={record.folder}", "tta=flip", f"output={output}"]
    )
    assert result.returncode == 0, result.stderr
    assert "test set, tta=flip" in result.stdout
    card = json.loads(output.read_text())
    assert card["num_images"] == record.metrics["test"]["num_images"]
    assert card["confusion_matrix"] != record.metrics["test"]["confusion_matrix"]


def evaluate(command_line, tmp_path, record, *options):
    """Scores of a run with some options, and the console output."""
    output = tmp_path / "scores.json"
    arguments = [f"run={record.folder}", f"output={output}", *options]
    result = command_line.run([*command_line.evaluate, *arguments])
    assert result.returncode == 0, result.stderr
    return json.loads(output.read_text()), result.stdout


@pytest.mark.slow
def test_scales_are_averaged_and_unsuitable_ones_rejected(swept, command_line, tmp_path):
    record = records(swept[0])[0]
    card, output = evaluate(command_line, tmp_path, record, "scales=[1.0,2.0]")
    assert "scales=[1.0, 2.0]" in output
    assert card["confusion_matrix"] != record.metrics["test"]["confusion_matrix"]
    result = command_line.run([*command_line.evaluate, f"run={record.folder}", "scales=[1.0,1.3]"])
    assert result.returncode == 1
    assert "scales: 1.3 of 32 px is not a multiple of the network's stride" in result.stderr


@pytest.mark.slow
def test_images_can_be_scored_at_their_original_size(swept, command_line, tmp_path):
    record = records(swept[0])[0]
    card, output = evaluate(command_line, tmp_path, record, "resolution=original")
    assert "resolution=original" in output
    split = json.loads((record.folder / "split.json").read_text())
    root = record.config["config"]["dataset"]["root"]
    reader = reader_of("ccp", next(path for path in Path(root).iterdir() if path.is_dir()))
    samples = {sample.name: sample for sample in reader.samples()}
    table = label_space("refined15").lookup_table(reader.names)
    masks = [table[reader.read_mask(samples[name])] for name in split["test"]]
    counts = sum(np.bincount(mask.ravel(), minlength=256)[:15] for mask in masks)
    assert [row["support"] for row in card["per_class"]] == counts.tolist()
    # The same network at two resolutions has similar scores.
    assert card["accuracy"] == pytest.approx(record.metrics["test"]["accuracy"], abs=0.05)


@pytest.mark.slow
def test_the_ensemble_of_all_folds_is_scored_on_held_out_images(command_line, tmp_path):
    output = tmp_path / "outputs"
    result = command_line.run(
        command_line.tiny(output, "dataset.num_images=32", "split.held_out=0.25", "-m")
    )
    assert result.returncode == 0, result.stderr
    first, second = records(output)
    cards = [
        evaluate(command_line, tmp_path, record, "subset=held_out")[0] for record in (first, second)
    ]
    ensemble, shown = evaluate(command_line, tmp_path, first, "subset=held_out", "ensemble=folds")
    assert "ensemble=folds" in shown
    assert {card["num_images"] for card in (*cards, ensemble)} == {ensemble["num_images"]}
    assert ensemble["confusion_matrix"] not in [card["confusion_matrix"] for card in cards]
    for options, message in (
        (["ensemble=folds"], "some of the networks were trained on these images"),
        (["ensemble=folds", "subset=train"], "score subset=held_out"),
    ):
        rejected = command_line.run([*command_line.evaluate, f"run={first.folder}", *options])
        assert rejected.returncode == 1
        assert message in rejected.stderr
    (second.folder / "checkpoints" / "best.ckpt").unlink()
    rejected = command_line.run(
        [*command_line.evaluate, f"run={first.folder}", "subset=held_out", "ensemble=folds"]
    )
    assert "ensemble=folds: fold 1 of 2 is missing; train it first" in rejected.stderr


@pytest.mark.slow
def test_a_run_without_held_out_images_is_an_error(swept, command_line):
    record = records(swept[0])[0]
    result = command_line.run([*command_line.evaluate, f"run={record.folder}", "subset=held_out"])
    assert result.returncode == 1
    assert "the split of this run has none (split.held_out=0)" in result.stderr


@pytest.mark.slow
def test_scores_by_source_do_not_depend_on_the_number_of_devices(command_line, tmp_path):
    for seed, name in enumerate(("ccp", "cfpd")):
        LAYOUTS[name](tmp_path / name, 12, seed, lambda count: None)
    roots = [f"dataset.sources.{name}.root={tmp_path / name}" for name in ("ccp", "cfpd")]
    training = command_line.tiny(tmp_path / "outputs", "dataset=ccp_cfpd", *roots)
    overrides = [o for o in training if not o.startswith(("dataset.num_images", "dataset.root"))]
    result = command_line.run(overrides)
    assert result.returncode == 0, result.stderr
    assert "by source" in result.stdout
    (record,) = records(tmp_path / "outputs")
    card = record.metrics["test"]
    assert list(card["by_source"]) == ["ccp", "cfpd"]
    images = sum(part["num_images"] for part in card["by_source"].values())
    assert images == card["num_images"]
    for devices in (1, 2):
        output = tmp_path / f"{devices}.json"
        arguments = [f"run={record.folder}", f"devices={devices}", f"output={output}"]
        result = command_line.run([*command_line.evaluate, *arguments])
        assert result.returncode == 0, result.stderr
        assert "by source" in result.stdout
        assert json.loads(output.read_text()) == card
    (tmp_path / "ccp").rename(tmp_path / "moved")
    moved = [f"run={record.folder}", f"output={tmp_path / 'moved.json'}"]
    result = command_line.run(
        [*command_line.evaluate, *moved, f"root={{ccp: {tmp_path / 'moved'}}}"]
    )
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "moved.json").read_text()) == card
    result = command_line.run([*command_line.evaluate, *moved, f"root={tmp_path / 'moved'}"])
    assert (
        "does not fit the dataset of this run; write 'root={ccp: <folder>, cfpd:" in result.stderr
    )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["run=tests", "tta=both"], "tta=both: must be 'none' or 'flip'"),
        (["run=tests"], "tests is not a run folder: no config.yaml in it"),
        ([], "run is required: add run=<value>"),
        (["run=tests", "subset=tset"], "subset=tset: must be"),
    ],
)
def test_an_error_is_one_message(overrides, message, capsys):
    assert main("evaluate", overrides) == 1
    assert message in capsys.readouterr().err


@pytest.mark.slow(seconds=8)
@pytest.mark.parametrize("name", ["evaluate", "predict"])
def test_commands_that_use_a_run_do_not_import_lightning(name, swept, command_line, tmp_path):
    record = records(swept[0])[0]
    photos = next(command_line.folder.glob("datasets/*/photos"))
    written = [f"input={photos}", f"output={tmp_path / 'masks'}"]
    more = written if name == "predict" else command_line.evaluate[1:]
    script = ["-X", "importtime", f"scripts/{name}.py", f"run={record.folder}", *more]
    result = command_line.run_anew(script)
    assert result.returncode == 0, result.stderr
    imported = {line.split("|")[-1].strip() for line in result.stderr.splitlines() if "|" in line}
    assert "torch" in imported
    assert not imported & {"pytorch_lightning", "lightning_fabric"}
