"""Loading of recorded runs, including unfinished and damaged ones."""

import json
import shutil

import pytest
import torch
import yaml

from clothseg import build
from clothseg.commands.main import main
from clothseg.config.command_line import check_command
from clothseg.error import ConfigError
from clothseg.run.record import Record
from clothseg.run.restore import (
    ensemble_members,
    load_best,
    recorded_config,
    short_name,
    warn_if_unfinished,
)
from support.command_line import records

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less


@pytest.fixture
def run(swept, tmp_path):
    """Copy of a finished run that a test may alter."""
    copy = shutil.copytree(records(swept[0])[0].folder, tmp_path / "run")
    (copy / "checksums.json").unlink()
    return copy


def truncate(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def other_network(path):
    state = torch.load(path, weights_only=True)
    name = next(n for n in state["state_dict"] if "segmentation_head.0.weight" in n)
    state["state_dict"][name] = state["state_dict"][name][:14]
    torch.save(state, path)


@pytest.mark.parametrize(
    ("state", "warning"),
    [
        ("running", "is still running or was interrupted; using its best epoch so far"),
        ("interrupted", "was interrupted; using its best"),
        ("failed", "has failed; using its best"),
        (None, "has an unknown state; using its best"),
        ("done", ""),
    ],
)
def test_an_unfinished_run_is_used_with_a_warning(state, warning, tmp_path, capsys):
    if state:
        Record(tmp_path).set_state(state)
    warn_if_unfinished([tmp_path])
    output = capsys.readouterr().out
    assert output.startswith(f"warning: {tmp_path} {warning}" if warning else "")
    assert output.count("warning") == bool(warning)


@pytest.mark.slow
def test_every_command_warns_of_an_unfinished_run(run, capsys, tmp_path):
    Record(run).set_state("interrupted")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8")
    assert main("evaluate", [f"cache={tmp_path / 'cache'}", f"run={run}"]) == 0
    assert f"{run} was interrupted" in capsys.readouterr().out
    main("predict", [f"run={run}", f"input={tmp_path / 'photo.jpg'}", f"output={tmp_path / 'o'}"])
    assert f"{run} was interrupted" in capsys.readouterr().out
    nowhere = tmp_path / "photo.jpg" / "o.onnx"  # an invalid path, because exporting takes long
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
def test_the_short_name_of_a_run_is_unique(folder, name, tmp_path):
    assert short_name(tmp_path / folder) == name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("checkpoints/best.ckpt", truncate, "best.ckpt: the checkpoint is damaged ("),
        (
            "checkpoints/best.ckpt",
            other_network,
            "does not match the network of config.yaml: size mismatch for body.segment",
        ),
        ("split.json", lambda path: path.unlink(), "split.json is missing or damaged ("),
        ("split.json", truncate, "split.json is missing or damaged ("),
    ],
)
def test_a_damaged_run_is_reported_in_one_message(file, damage, message, run, capsys, tmp_path):
    damage(run / file)
    assert main("evaluate", [f"cache={tmp_path / 'cache'}", f"run={run}"]) == 1
    assert message in capsys.readouterr().err
    if file != "split.json":
        photo = f"input={tmp_path}"
        (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8")
        assert main("predict", [f"run={run}", photo, f"output={tmp_path / 'o'}"]) == 1
        assert message in capsys.readouterr().err
        assert main("export", [f"run={run}", "format=onnx", f"output={tmp_path / 'o.onnx'}"]) == 1
        assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_dataset_that_lacks_images_of_the_run_is_reported(swept, tmp_path, capsys):
    run = records(swept[0])[0].folder
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["config"]["dataset"]["num_images"] = 12
    moved = shutil.copytree(run, tmp_path / "run")
    (moved / "config.yaml").write_text(yaml.safe_dump(config))
    (moved / "checksums.json").unlink()
    folders = [f"cache={tmp_path / 'cache'}", f"root={tmp_path / 'drawn'}"]
    assert main("evaluate", [*folders, f"run={moved}"]) == 1
    assert (
        "the dataset lacks 4 images of the run's split: 0013, 0014, 0015 …; pass the folder of the "
        "dataset that the run was trained on"
    ) in capsys.readouterr().err


@pytest.mark.slow
def test_the_folder_of_all_folds_names_their_runs(swept, capsys, tmp_path):
    first, second = (record.folder for record in records(swept[0]))
    assert main("evaluate", [f"cache={tmp_path / 'cache'}", f"run={first.parent}"]) == 1
    error = capsys.readouterr().err
    assert f"no config.yaml in it; use the run folder of a fold: {first}, {second}" in error


@pytest.mark.slow
def test_more_processes_than_images_are_rejected_by_the_name_of_the_key(run, capsys, tmp_path):
    split = json.loads((run / "split.json").read_text())
    photos = len(split["validation"])
    several = ["subset=validation", f"devices={photos + 1}", f"cache={tmp_path / 'cache'}"]
    assert main("evaluate", [f"run={run}", *several]) == 1
    error = capsys.readouterr().err
    assert f"devices={photos + 1}: the validation part has only {photos}" in error
    assert "trainer.devices" not in error


def alter(run, change):
    """Change the recorded configuration of a run."""
    path = run / "config.yaml"
    content = yaml.safe_load(path.read_text())
    change(content["config"])
    path.write_text(yaml.safe_dump(content))


@pytest.mark.slow(seconds=10)
def test_a_record_decides_neither_where_files_are_written_nor_who_receives_results(
    run, command_line, tmp_path
):
    elsewhere = tmp_path / "elsewhere"

    def lure(config):
        config["output"] = config["data"]["cache"] = str(elsewhere)
        config["logger"] = {"lure": {"_target_": "os.system"}}
        config["trust"] = ["os", "posix"]

    alter(run, lure)
    for script in (command_line.evaluate, ["scripts/export.py", f"output={tmp_path / 'x.onnx'}"]):
        result = command_line.run([*script, f"run={run}"])
        assert result.returncode == 0, result.stderr
    again = ["train.py", f"rerun_from={run}", f"output={tmp_path / 'again'}", "report.figures=none"]
    result = command_line.run([*again, f"data.cache={command_line.folder / 'cache'}"])
    assert result.returncode == 0, result.stderr
    (repeated,) = records(tmp_path / "again")
    assert repeated.config["config"]["logger"] == {}
    assert not elsewhere.exists()


@pytest.mark.slow(seconds=5)
def test_a_dataset_is_not_rendered_where_a_record_says(run, command_line, tmp_path, capsys):
    elsewhere = tmp_path / "elsewhere"
    alter(run, lambda config: config["dataset"].update(root=str(elsewhere)))
    for name, arguments, key in (
        ("evaluate", [f"run={run}", f"cache={tmp_path / 'cache'}"], "root"),
        ("train", [f"rerun_from={run}", f"output={tmp_path / 'again'}"], "dataset.root"),
    ):
        assert main(name, arguments) == 1
        message = f"the images of the run's dataset are not in {elsewhere}, the folder that its"
        error = capsys.readouterr().err
        assert message in error
        assert f"record names; {key}=<folder> says" in error
    result = command_line.run(
        [*command_line.evaluate, f"run={run}", f"root={command_line.folder / 'datasets'}"]
    )
    assert result.returncode == 0, result.stderr
    assert not elsewhere.exists()


@pytest.mark.parametrize("text", ["${oc.env:HOME}", "x${seed}", r"\${oc.create:{a:1}}", "${"])
def test_a_record_with_an_interpolation_is_refused(text, run, capsys, tmp_path):
    alter(run, lambda config: config["backbone"].update(weights=text))
    out = f"output={tmp_path / 'o'}"
    for name, arguments in (
        ("evaluate", [f"run={run}"]),
        ("predict", [f"run={run}", "input=x", out]),
        ("export", [f"run={run}", out]),
        ("train", [f"rerun_from={run}", out]),
    ):
        assert main(name, arguments) == 1
        assert "backbone.weights: contains ${, but nothing" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_the_weights_with_which_a_run_began_are_not_needed_any_more(run):
    path = run / "config.yaml"
    path.write_text(path.read_text().replace("weights: null", "weights: deleted.pth"))
    assert Record(run).config["config"]["backbone"]["weights"] == "deleted.pth"
    config = recorded_config(run, [])
    load_best(build.build_segmenter(config).network, Record(run))


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ("2", r"split\.folds=2: must be a valid integer"),
        (100_000_000, r"split\.folds=100000000: must be less than or equal to 100"),
    ],
)
def test_the_number_of_folds_in_a_record_is_checked(folds, message, tmp_path):
    (job,) = check_command(["split.fold=0"])
    plain = job.config.plain
    split = {**plain["split"], "folds": folds}
    Record(tmp_path / "fold-0").begin({**plain, "split": split}, {}, [], "CPU")
    with pytest.raises(ConfigError, match=message):
        ensemble_members(tmp_path, "folds", [])
