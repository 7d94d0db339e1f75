"""`python scripts/evaluate.py`: a recorded run scored again."""

import json
from pathlib import Path

import numpy as np
import pytest

from clothseg.commands.main import main
from clothseg.dataset.wardrobe import LAYOUTS
from support.command_line import files, records
from support.shipped_config import label_space, reader_of


@pytest.mark.slow
def test_a_run_scores_what_it_scored(swept, command_line, tmp_path):
    record = records(swept[0])[1]
    before = files(record.folder)
    said = command_line.run(
        ["scripts/evaluate.py", f"run={record.folder}", f"output={tmp_path / 'test.json'}"]
    )
    assert said.returncode == 0, said.stderr
    assert json.loads((tmp_path / "test.json").read_text()) == record.metrics["test"]
    assert str(tmp_path / "test.json") in said.stdout
    assert f"unet-mobilenet_v2/{record.folder.parent.name}/fold-1\ntest part" in said.stdout
    assert files(record.folder) == before


@pytest.mark.slow
def test_another_part_of_the_split_can_be_scored(swept, command_line, tmp_path):
    record = records(swept[0])[0]
    output = tmp_path / "validation.json"
    said = command_line.run(
        [
            *("scripts/evaluate.py", f"run={record.folder}", "subset=validation"),
            f"output={output}",
        ]
    )
    assert said.returncode == 0, said.stderr
    assert "validation part" in said.stdout
    split = json.loads((record.folder / "split.json").read_text())
    card = json.loads(output.read_text())
    assert card["num_images"] == len(split["validation"])
    rows = (record.folder / "history.csv").read_text().splitlines()
    last = dict(zip(rows[0].split(","), rows[1].split(","), strict=True))
    assert card["mean"]["iou"] == pytest.approx(float(last["val/mean_iou"]))


@pytest.mark.slow
def test_mirror_images_change_scores_and_the_table_says_so(swept, command_line, tmp_path):
    record = records(swept[0])[0]
    output = tmp_path / "flip.json"
    said = command_line.run(
        ["scripts/evaluate.py", f"run={record.folder}", "tta=flip", f"output={output}"]
    )
    assert said.returncode == 0, said.stderr
    assert "test part, tta=flip" in said.stdout
    card = json.loads(output.read_text())
    assert card["num_images"] == record.metrics["test"]["num_images"]
    assert card["confusion_matrix"] != record.metrics["test"]["confusion_matrix"]


def evaluated(command_line, tmp_path, record, *options):
    """The scores of a run with some options, and what the command said."""
    output = tmp_path / "scores.json"
    arguments = [f"run={record.folder}", f"output={output}", *options]
    said = command_line.run(["scripts/evaluate.py", *arguments])
    assert said.returncode == 0, said.stderr
    return json.loads(output.read_text()), said.stdout


@pytest.mark.slow
def test_scales_are_averaged_and_those_that_do_not_fit_refused(swept, command_line, tmp_path):
    record = records(swept[0])[0]
    card, said = evaluated(command_line, tmp_path, record, "scales=[1.0,2.0]")
    assert "scales=[1.0, 2.0]" in said
    assert card["confusion_matrix"] != record.metrics["test"]["confusion_matrix"]
    said = command_line.run(["scripts/evaluate.py", f"run={record.folder}", "scales=[1.0,1.3]"])
    assert said.returncode == 1
    assert "scales: 1.3 of 32 px is no multiple of the network's stride" in said.stderr


@pytest.mark.slow
def test_photos_can_be_scored_at_their_own_size(swept, command_line, tmp_path):
    record = records(swept[0])[0]
    card, said = evaluated(command_line, tmp_path, record, "resolution=original")
    assert "resolution=original" in said
    split = json.loads((record.folder / "split.json").read_text())
    root = record.config["config"]["dataset"]["root"]
    reader = reader_of("ccp", next(path for path in Path(root).iterdir() if path.is_dir()))
    samples = {sample.name: sample for sample in reader.samples()}
    table = label_space("refined15").lookup_table(reader.names)
    masks = [table[reader.read_mask(samples[name])] for name in split["test"]]
    counts = sum(np.bincount(mask.ravel(), minlength=256)[:15] for mask in masks)
    assert [row["support"] for row in card["per_class"]] == counts.tolist()
    # One network at two sizes: nearly the same scores.
    assert card["accuracy"] == pytest.approx(record.metrics["test"]["accuracy"], abs=0.05)


@pytest.mark.slow
def test_all_folds_together_are_scored_on_photos_that_none_has_seen(command_line, tmp_path):
    output = tmp_path / "outputs"
    said = command_line.run(
        command_line.tiny(output, "dataset.num_images=32", "split.held_out=0.25", "-m")
    )
    assert said.returncode == 0, said.stderr
    first, second = records(output)
    cards = [
        evaluated(command_line, tmp_path, record, "subset=held_out")[0]
        for record in (first, second)
    ]
    together, said = evaluated(command_line, tmp_path, first, "subset=held_out", "ensemble=folds")
    assert "ensemble=folds" in said
    assert {card["num_images"] for card in (*cards, together)} == {together["num_images"]}
    assert together["confusion_matrix"] not in [card["confusion_matrix"] for card in cards]
    for options, message in (
        (["ensemble=folds"], "was trained on by some of the networks"),
        (["ensemble=folds", "subset=train"], "score subset=held_out"),
    ):
        refused = command_line.run(["scripts/evaluate.py", f"run={first.folder}", *options])
        assert refused.returncode == 1
        assert message in refused.stderr
    (second.folder / "checkpoints" / "best.ckpt").unlink()
    refused = command_line.run(
        ["scripts/evaluate.py", f"run={first.folder}", "subset=held_out", "ensemble=folds"]
    )
    assert "ensemble=folds: fold 1 of 2 is missing" in refused.stderr


@pytest.mark.slow
def test_a_run_without_held_out_photos_says_so(swept, command_line):
    record = records(swept[0])[0]
    said = command_line.run(["scripts/evaluate.py", f"run={record.folder}", "subset=held_out"])
    assert said.returncode == 1
    assert "the run's split has no such photos (split.held_out=0)" in said.stderr


@pytest.mark.slow
def test_the_sources_of_a_merged_dataset_score_equal_on_any_number_of_devices(
    command_line, tmp_path
):
    for seed, name in enumerate(("ccp", "cfpd")):
        LAYOUTS[name](tmp_path / name, 12, seed, lambda count: None)
    roots = [f"dataset.sources.{name}.root={tmp_path / name}" for name in ("ccp", "cfpd")]
    training = command_line.tiny(tmp_path / "outputs", "dataset=ccp_cfpd", *roots)
    kept = [o for o in training if not o.startswith(("dataset.num_images", "dataset.root"))]
    said = command_line.run(kept)
    assert said.returncode == 0, said.stderr
    assert "by source" in said.stdout
    (record,) = records(tmp_path / "outputs")
    card = record.metrics["test"]
    assert list(card["by_source"]) == ["ccp", "cfpd"]
    images = sum(part["num_images"] for part in card["by_source"].values())
    assert images == card["num_images"]
    for devices in (1, 2):
        output = tmp_path / f"{devices}.json"
        arguments = [f"run={record.folder}", f"devices={devices}", f"output={output}"]
        said = command_line.run(["scripts/evaluate.py", *arguments])
        assert said.returncode == 0, said.stderr
        assert "by source" in said.stdout
        assert json.loads(output.read_text()) == card
    (tmp_path / "ccp").rename(tmp_path / "moved")
    moved = [f"run={record.folder}", f"output={tmp_path / 'moved.json'}"]
    said = command_line.run(["scripts/evaluate.py", *moved, f"root={{ccp: {tmp_path / 'moved'}}}"])
    assert said.returncode == 0, said.stderr
    assert json.loads((tmp_path / "moved.json").read_text()) == card
    said = command_line.run(["scripts/evaluate.py", *moved, f"root={tmp_path / 'moved'}"])
    assert "the run's dataset takes 'root={ccp: <folder>, cfpd: <folder>}'" in said.stderr


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["run=tests", "tta=both"], "tta=both: must be 'none' or 'flip'"),
        (["run=tests"], "tests is no run folder: it has no config.yaml"),
        ([], "run has no default: add run=<value>"),
        (["run=tests", "subset=tset"], "subset=tset: must be"),
    ],
)
def test_a_mistake_is_one_message(overrides, message, capsys):
    assert main("evaluate", overrides) == 1
    assert message in capsys.readouterr().err
