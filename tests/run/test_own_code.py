"""Source of the user's own packages: in signatures and records, and warnings of its changes."""

import json

import pytest

from clothseg.config.command_line import check_command
from clothseg.config.run_config import RunConfig
from clothseg.config.source_code import code_hashes
from clothseg.error import DataError
from clothseg.jobs.inputs import Inputs
from clothseg.jobs.machine import Machine
from clothseg.jobs.plan import plan_jobs
from clothseg.run.own_code import require_planned_code, used_packages
from clothseg.run.record import Record
from clothseg.run.restore import warn_if_code_changed
from support.own_package import OwnPackage
from support.small_datasets import write_own_photos

LOSS = """
from clothseg.loss import cross_entropy

def mine(pixels):
    return cross_entropy(pixels)

def sink(): ...
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    package = OwnPackage(tmp_path, "seam_losses")
    package.write("losses", LOSS)
    yield package
    package.forget()


USED = ["trust=[seam_losses]", "loss._target_=seam_losses.losses.mine"]


def config_of(*overrides):
    (job,) = check_command(overrides)
    return job.config


@pytest.fixture
def folder_of(tmp_path):
    """Run folder of a command, as a new process would determine it."""
    root = write_own_photos(tmp_path / "photos", photos=8)

    def folder(*overrides):
        fixed = ["dataset=folder", f"dataset.root={root}", f"data.cache={tmp_path / 'cache'}"]
        (job,) = plan_jobs(check_command([*fixed, *overrides]), Machine.here(), Inputs())
        return job.folder

    return folder


@pytest.mark.parametrize("module", ["losses", "helper", "__init__"])
def test_an_edit_in_any_module_of_a_used_package_is_a_new_run(module, own, folder_of):
    own.write("helper", "SMOOTH = 1\n")
    before = folder_of(*USED)
    assert folder_of(*USED) == before
    text = (own.folder / f"{module}.py").read_text()
    own.write(module, f"{text}\nSMOOTH = 2\n")
    after = folder_of(*USED)
    assert after != before
    assert after.parts[:-2] == before.parts[:-2]
    own.write(module, text)
    assert folder_of(*USED) == before


def test_a_package_that_is_trusted_but_affects_no_result_changes_no_signature(own, folder_of):
    plain = folder_of()
    assert folder_of("trust=[seam_losses]") == plain
    logger = "+logger.own={_target_: seam_losses.losses.sink}"
    assert folder_of("trust=[seam_losses]", logger) == plain
    assert folder_of("trust=[clothseg,seam_losses]") == plain


def test_a_nested_function_uses_its_package(own):
    config = config_of()
    nested = {**config.plain["loss"], "part": [{"_target_": "seam_losses.losses.mine"}]}
    plain = {**config.plain, "loss": nested, "trust": ["seam_losses.losses"]}
    assert used_packages(RunConfig(plain)) == ["seam_losses"]


def test_the_hash_is_of_relative_paths_and_contents(own, tmp_path, monkeypatch):
    before = code_hashes([own.name])
    (own.folder / "notes.txt").write_text("no code")
    (own.folder / "__pycache__").mkdir(exist_ok=True)
    assert code_hashes([own.name]) == before
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    own.folder = own.folder.rename(moved / own.name)
    own.forget()
    monkeypatch.syspath_prepend(moved)
    assert code_hashes([own.name]) == before
    (own.folder / "losses.py").rename(own.folder / "renamed.py")
    assert code_hashes([own.name]) != before


def test_a_single_module_is_hashed_without_its_neighbours(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "hem_loss.py").write_text("x = 1\n")
    before = code_hashes(["hem_loss"])
    (tmp_path / "other.py").write_text("")
    assert code_hashes(["hem_loss"]) == before
    (tmp_path / "hem_loss.py").write_text("x = 2\n")
    assert code_hashes(["hem_loss"]) != before
    assert code_hashes(["math"]) == code_hashes(["math"])  # built into Python, without a file


def test_a_source_that_cannot_be_read_is_an_error(own):
    (own.folder / "broken.py").symlink_to(own.folder / "missing.py")
    with pytest.raises(DataError, match=r"broken\.py cannot be read: No such file"):
        code_hashes([own.name])


def test_code_that_is_edited_after_the_command_was_started_does_not_run(own):
    planned = code_hashes([own.name])
    require_planned_code(planned)
    own.write("losses", LOSS + "\nSMOOTH = 2\n")
    with pytest.raises(DataError, match="seam_losses has changed since the command was started"):
        require_planned_code(planned)


def test_a_change_since_the_run_is_a_warning(own, tmp_path, capsys):
    config, record = config_of(*USED), Record(tmp_path / "run")
    record.begin({}, {}, [], "CPU", own_code=code_hashes([own.name]))
    warn_if_code_changed(record, config)
    assert capsys.readouterr().out == ""
    own.write("losses", LOSS + "\nSMOOTH = 2\n")
    warn_if_code_changed(record, config)
    words = " ".join(capsys.readouterr().out.split())
    assert f"warning: seam_losses has changed since {record.folder} was trained" in words
    environment = json.loads((record.folder / "environment.json").read_text())
    del environment["own_code"]  # as in records of earlier versions
    (record.folder / "environment.json").write_text(json.dumps(environment))
    warn_if_code_changed(record, config)
    assert "does not record the source of seam_losses" in " ".join(capsys.readouterr().out.split())
    warn_if_code_changed(record, config_of("trust=[seam_losses]"))
    assert capsys.readouterr().out == ""
