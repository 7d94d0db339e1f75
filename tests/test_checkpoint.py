"""Checkpoints: never lost while they are written, and verified when they are read."""

import io
import math
import os
import pickle
import random
import resource
from pathlib import Path

import pytest
import torch

from clothseg.callbacks.checkpoint_io import RunCheckpointIO
from clothseg.checkpoint import latest_checkpoint, read_checkpoint, write_checkpoint
from clothseg.error import DataError, WriteError


def content(value=1.0):
    weights = {"a.weight": torch.full((100, 100), value), "steps": torch.tensor(3)}
    return {"epoch": 4, "state_dict": weights}


@pytest.fixture
def path(tmp_path):
    write_checkpoint(tmp_path / "best.ckpt", content())
    return tmp_path / "best.ckpt"


def flip_bytes(path):
    """Flip 64 bytes of the tensors; their positions differ from those of the file's structure."""
    altered = bytearray(path.read_bytes())
    for position in random.Random(0).sample(range(2000, 40000), 64):
        altered[position] ^= 255
    path.write_bytes(altered)


DAMAGES = {
    "flipped bytes": flip_bytes,
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("<html>"),
    "no epoch": lambda path: torch.save({"state_dict": {}}, path),
    "an epoch in words": lambda path: torch.save({"state_dict": {}, "epoch": "one"}, path),
    "code": lambda path: path.write_bytes(pickle.dumps(os.getcwd)),
    "code in an archive": lambda path: torch.save({"state_dict": {}, "x": os.getcwd}, path),
    "no weights": lambda path: torch.save({"epoch": 1}, path),
    "weights that are no tensors": lambda path: torch.save({"state_dict": {"a": 1}}, path),
    "a list": lambda path: torch.save([1], path),
}


def test_a_checkpoint_is_read_as_it_was_written(path):
    found = read_checkpoint(path)
    assert found["epoch"] == 4
    assert all(torch.equal(found["state_dict"][k], v) for k, v in content()["state_dict"].items())


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_checkpoint_is_an_error_that_names_the_file(path, damage):
    damage(path)
    with pytest.raises(DataError, match=r"best\.ckpt: the checkpoint is damaged \(.+\)"):
        read_checkpoint(path)


def test_a_file_that_is_none_is_not_opened(path):
    path.unlink()
    with pytest.raises(DataError, match=r"best\.ckpt: cannot be read \(No such file"):
        read_checkpoint(path)
    path.symlink_to("/dev/zero")  # which never ends, and whose zeros would be looked through
    with pytest.raises(DataError, match=r"best\.ckpt: is a device, not a file"):
        read_checkpoint(path)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_not_read(path, value):
    write_checkpoint(path, content(value))
    with pytest.raises(DataError, match=r"1 of 2 weights are not finite, such as a\.weight: the"):
        read_checkpoint(path)


def test_infinity_in_a_buffer_may_be_meant(path):
    mask = torch.full((3, 3), -math.inf).triu(1)
    write_checkpoint(path, {"epoch": 4, "state_dict": {"network.mask": mask}})
    assert torch.equal(read_checkpoint(path)["state_dict"]["network.mask"], mask)


def test_the_state_before_the_last_one_is_kept_and_used_if_the_last_is_damaged(tmp_path):
    last, previous = tmp_path / "last.ckpt", tmp_path / "previous.ckpt"
    assert latest_checkpoint(tmp_path) == (None, [])
    files = RunCheckpointIO()
    for epoch in range(3):
        files.save_checkpoint({**content(), "epoch": epoch}, last)
    assert latest_checkpoint(tmp_path) == (last, [])
    assert [files.load_checkpoint(path)["epoch"] for path in (last, previous)] == [2, 1]
    flip_bytes(last)
    found, (problem,) = latest_checkpoint(tmp_path)
    assert found == previous
    assert "last.ckpt: the checkpoint is damaged" in problem
    last.unlink()  # killed between the two renames
    assert latest_checkpoint(tmp_path) == (previous, [])
    flip_bytes(previous)
    assert latest_checkpoint(tmp_path)[0] is None


def test_only_the_state_to_resume_from_keeps_its_predecessor(tmp_path):
    for _ in range(2):
        RunCheckpointIO().save_checkpoint(content(), tmp_path / "best.ckpt")
    assert [path.name for path in tmp_path.iterdir()] == ["best.ckpt"]


def test_a_full_disk_keeps_the_old_checkpoint(path):
    """A limit of the file size stands for the disk."""
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(WriteError, match=r"best\.ckpt cannot be written: File too large"):
            write_checkpoint(path, content(2.0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert [other.name for other in path.parent.iterdir()] == ["best.ckpt"]


def test_ctrl_c_while_a_checkpoint_is_written_is_ctrl_c(path, monkeypatch):
    before, opened = path.read_bytes(), Path.open

    class Stopped(io.BytesIO):
        def write(self, data):
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "open", lambda *a, **k: Stopped() if "wb" in a else opened(*a, **k))
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(path, content(2.0))
    assert path.read_bytes() == before


def test_the_folder_of_temporary_files_is_not_used(path, monkeypatch, tmp_path):
    missing = tmp_path / "missing"
    monkeypatch.setenv("TMPDIR", str(missing))
    monkeypatch.setattr("tempfile.tempdir", str(missing))
    RunCheckpointIO().save_checkpoint(content(3.0), path)
    assert read_checkpoint(path)["state_dict"]["a.weight"][0, 0] == 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"state_dict": {1: torch.zeros(1)}}, "entry 1 of its state_dict must be a tensor"),
        ({"state_dict": {"a": 5}}, "entry a of its state_dict must be a tensor"),
        ({"state_dict": [torch.zeros(1)]}, "it has no state_dict"),
        ({}, "it has no state_dict"),
    ],
    ids=["key", "value", "list", "none"],
)
def test_a_checkpoint_holds_tensors_by_name(content, reason, tmp_path):
    write_checkpoint(tmp_path / "best.ckpt", content)
    with pytest.raises(DataError, match=reason):
        read_checkpoint(tmp_path / "best.ckpt")
