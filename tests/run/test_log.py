"""Log file of a run whose folder somebody else made."""

import os

import pytest

from clothseg.error import DataError
from clothseg.run.log import log_file, run_log


def log(folder):
    with run_log(log_file(folder)) as say:
        say("begin")
    return (folder / "log.txt").read_text()


def test_a_log_is_continued(tmp_path):
    (tmp_path / "log.txt").write_text("before\n")
    assert log(tmp_path).startswith("before\n")
    assert log(tmp_path).count("begin") == 2


@pytest.mark.parametrize("name", ["other.txt", "missing.txt", "log.txt"])
def test_a_link_is_replaced_and_its_file_is_left_alone(tmp_path, name):
    (tmp_path / "other.txt").write_text("precious")
    (tmp_path / "log.txt").symlink_to(tmp_path / name)
    assert "begin" in log(tmp_path)
    assert (tmp_path / "other.txt").read_text() == "precious"
    assert not (tmp_path / "missing.txt").exists()


def test_a_pipe_is_replaced_and_a_folder_is_named(tmp_path):
    os.mkfifo(tmp_path / "log.txt")
    assert "begin" in log(tmp_path)
    (tmp_path / "log.txt").unlink()
    (tmp_path / "log.txt").mkdir()
    with pytest.raises(DataError, match=r"log\.txt cannot be written: Is a directory"):
        log(tmp_path)
