"""Runs that are to be used again, and folders in which something is damaged."""

import json
import shutil

import pytest
import torch
import yaml

from clothseg.commands.main import main
from clothseg.run.record import Record
from clothseg.run.restore import short_name, warn_of_unfinished
from support.command_line import records


@pytest.fixture
def run(swept, tmp_path):
    """A copy of a finished run, which a test may damage."""
    return shutil.copytree(records(swept[0])[0].folder, tmp_path / "run")


def truncate(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def other_network(path):
    state = torch.load(path, weights_only=True)
    name = next(n for n in state["state_dict"] if "segmentation_head.0.weight" in n)
    state["state_dict"][name] = state["state_dict"][name][:14]
    torch.save(state, path)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("running", "is still running, or was cut off; its best epoch so far is used"),
        ("interrupted", "was interrupted; its best"),
        ("failed", "has failed; its best"),
        (None, "does not tell whether it is done; its best"),
        ("done", ""),
    ],
)
def test_a_run_that_is_not_done_is_used_with_a_warning(state, told, tmp_path, capsys):
    if state:
        Record(tmp_path).set_state(state)
    warn_of_unfinished([tmp_path])
    said = capsys.readouterr().out
    assert said.startswith(f"warning: {tmp_path} {told}" if told else "")
    assert said.count("warning") == bool(told)


@pytest.mark.slow
def test_every_command_warns_of_a_run_that_is_not_done(run, capsys, tmp_path):
    Record(run).set_state("interrupted")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8")
    assert main("evaluate", [f"run={run}"]) == 0
    assert f"{run} was interrupted" in capsys.readouterr().out
    main("predict", [f"run={run}", f"input={tmp_path / 'photo.jpg'}", f"output={tmp_path / 'o'}"])
    assert f"{run} was interrupted" in capsys.readouterr().out
    nowhere = tmp_path / "photo.jpg" / "o.onnx"  # to write the network takes long
    assert main("export", [f"run={run}", "format=onnx", f"output={nowhere}"]) == 1
    assert f"{run} was interrupted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("ccp-refined15/fpn-resnet18/0a1b/fold-0", "fpn-resnet18/0a1b/fold-0"),
        ("ccp-refined15/fpn-resnet18/0a1b", "fpn-resnet18/0a1b"),
        ("ccp-refined15/fpn-resnet18/0a1b/fold-0/../fold-1", "fpn-resnet18/0a1b/fold-1"),
    ],
)
def test_a_run_is_called_by_what_tells_it_from_others(folder, name, tmp_path):
    assert short_name(tmp_path / folder) == name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("checkpoints/best.ckpt", truncate, "best.ckpt: the checkpoint is damaged ("),
        (
            "checkpoints/best.ckpt",
            other_network,
            "is of another network than config.yaml: size mismatch for network.body.segmentation",
        ),
        ("split.json", lambda path: path.unlink(), "split.json: the frozen split cannot be read"),
        ("split.json", truncate, "split.json: the frozen split cannot be read"),
    ],
)
def test_a_damaged_run_is_told_in_one_message(file, damage, message, run, capsys, tmp_path):
    damage(run / file)
    assert main("evaluate", [f"run={run}"]) == 1
    assert message in capsys.readouterr().err
    if file != "split.json":
        photo = f"input={tmp_path}"
        (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8")
        assert main("predict", [f"run={run}", photo, f"output={tmp_path / 'o'}"]) == 1
        assert message in capsys.readouterr().err
        assert main("export", [f"run={run}", "format=onnx", f"output={tmp_path / 'o.onnx'}"]) == 1
        assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_dataset_that_lacks_photos_of_the_run_is_told(swept, tmp_path, capsys):
    run = records(swept[0])[0].folder
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["config"]["dataset"]["num_images"] = 12
    config["config"]["dataset"]["root"] = str(tmp_path / "drawn")
    config["config"]["data"]["cache"] = str(tmp_path / "cache")
    moved = shutil.copytree(run, tmp_path / "run")
    (moved / "config.yaml").write_text(yaml.safe_dump(config))
    assert main("evaluate", [f"run={moved}"]) == 1
    assert (
        "the dataset lacks 4 images of the run's split: 0013, 0014, 0015 …; pass the folder of the "
        "dataset that the run was trained on"
    ) in capsys.readouterr().err


@pytest.mark.slow
def test_the_folder_of_all_folds_names_their_runs(swept, capsys):
    first, second = (record.folder for record in records(swept[0]))
    assert main("evaluate", [f"run={first.parent}"]) == 1
    told = capsys.readouterr().err
    assert f"it has no config.yaml; the runs of its folds are {first}, {second}" in told


@pytest.mark.slow
def test_more_processes_than_photos_are_refused_in_the_words_of_the_command(swept, run, capsys):
    split = json.loads((run / "split.json").read_text())
    photos = len(split["validation"])
    assert main("evaluate", [f"run={run}", "subset=validation", f"devices={photos + 1}"]) == 1
    told = capsys.readouterr().err
    assert f"devices={photos + 1}: the validation part has only {photos}" in told
    assert "trainer.devices" not in told
