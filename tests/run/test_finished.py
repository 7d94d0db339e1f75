"""Finished runs below a folder: complete, intact, and each file of them read once."""

import json

import pytest

from clothseg.error import DataError
from clothseg.run import content, finished
from clothseg.run.finished import FinishedRun, finished_runs
from support.finished_run import write_finished


def folders(root):
    """Folders of the finished runs below a folder, and the reasons for leaving others out."""
    reasons = []
    found = finished_runs(root, reasons.append)
    return [run.folder.relative_to(root).as_posix() for run in found], reasons


def test_runs_are_sorted_by_folder_and_know_their_configuration(tmp_path):
    write_finished(tmp_path / "b/fold-1", "seed=3")
    write_finished(tmp_path / "a", "split=holdout")
    write_finished(tmp_path / "b/fold-0.replaced-1")
    first, second = finished_runs(tmp_path, pytest.fail)
    assert (first.folder, first.configuration) == (tmp_path / "a", tmp_path / "a")
    assert (first.fold, first.seed) == (None, 0)
    assert (second.folder, second.configuration) == (tmp_path / "b/fold-1", tmp_path / "b")
    assert (second.fold, second.seed) == (1, 3)
    assert folders(tmp_path / "b/fold-1") == (["."], [])


def test_a_record_is_what_its_properties_are(tmp_path):
    record = write_finished(tmp_path / "a")
    run = FinishedRun.read(record.folder)
    assert run.config == record.config
    assert run.environment == record.environment
    assert run.metrics == record.metrics


def test_unfinished_runs_are_left_out_with_their_state(tmp_path):
    write_finished(tmp_path / "a")
    states = {"b": "running", "c": "failed", "d": "interrupted"}
    for name, state in states.items():
        write_finished(tmp_path / name).set_state(state)
    write_finished(tmp_path / "e")
    (tmp_path / "e/status.json").write_text('{"state": "do')
    assert folders(tmp_path) == (
        ["a"],
        [
            f"{tmp_path / 'b'} is still running or was interrupted",
            f"{tmp_path / 'c'} has failed",
            f"{tmp_path / 'd'} was interrupted",
            f"{tmp_path / 'e'} was interrupted",
        ],
    )


@pytest.mark.parametrize("name", ["config.yaml", "environment.json", "metrics.json"])
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.unlink(), r"cannot be read \(No such file or directory\)"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "has changed since the run ended"),
    ],
    ids=["missing", "cut"],
)
def test_damaged_runs_are_left_out(name, damage, reason, tmp_path):
    write_finished(tmp_path / "a")
    damage(write_finished(tmp_path / "b").folder / name)
    names, (why,) = folders(tmp_path)
    assert names == ["a"]
    assert why.startswith(str(tmp_path / "b" / name))
    with pytest.raises(DataError, match=rf"no run in \S+ or below is finished .*{reason}"):
        folders(tmp_path / "b")


@pytest.mark.parametrize(
    ("name", "old", "new", "reason"),
    [
        ("config.yaml", "\n  seed: 0\n", "\n  seed: []\n", "seed: must be a valid integer"),
        ("config.yaml", "    fold: 0\n", "    fold: -1\n", "split.fold: must be greater than"),
        ("config.yaml", "choices:", "chances:", "choices: required key is missing"),
        ("config.yaml", "choices:", "choices: [", "is not valid YAML"),
        ("environment.json", '"commit"', '"commits"', "commit: required key is missing"),
        ("metrics.json", '"division"', '"divisions"', "division: required key is missing"),
        ("metrics.json", "{", "[", "is missing or damaged"),
    ],
)
def test_files_without_a_checksum_are_left_out_if_they_have_another_shape(
    name, old, new, reason, tmp_path
):
    write_finished(tmp_path / "a/fold-0")
    folder = write_finished(tmp_path / "b/fold-0").folder
    (folder / "checksums.json").unlink()
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))
    names, (why,) = folders(tmp_path)
    assert names == ["a/fold-0"]
    assert reason in why


def test_a_damaged_list_of_checksums_costs_one_run(tmp_path):
    write_finished(tmp_path / "a")
    (write_finished(tmp_path / "b").folder / "checksums.json").write_text("[]")
    assert len(folders(tmp_path)[1]) == 1


def test_a_folder_without_finished_runs_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"nowhere is not a folder, so there are no runs in it$"):
        folders(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no run in \S+ or below is finished and can be read$"):
        folders(tmp_path)


def test_every_file_is_read_once(tmp_path, monkeypatch):
    write_finished(tmp_path / "a")
    read, names = content.read_file, []

    def record(path, max_bytes):
        names.append(path.name)
        return read(path, max_bytes)

    for module in ("clothseg.run.content", "clothseg.json_file"):
        monkeypatch.setattr(f"{module}.read_file", record)
    assert not hasattr(finished, "read_file")
    finished_runs(tmp_path, pytest.fail)
    assert sorted(names) == sorted(
        ["status.json", "checksums.json", "config.yaml", "environment.json", "metrics.json"]
    )


def test_a_record_of_an_earlier_version_has_no_checksums_and_no_validation(tmp_path):
    record = write_finished(tmp_path / "a", validation=None)
    (record.folder / "checksums.json").unlink()
    environment = json.loads((record.folder / "environment.json").read_text())
    (record.folder / "environment.json").write_text(json.dumps({"commit": environment["commit"]}))
    (run,) = finished_runs(tmp_path, pytest.fail)
    assert "validation" not in run.metrics
