"""Atomic writing: old or new content, identical bytes everywhere, no leftover temporary files."""

import csv
import errno
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clothseg.error import DataError, WriteError, first_line
from clothseg.files import (
    locked,
    read_csv,
    replacing,
    update_bytes,
    write_array,
    write_arrays,
    write_csv,
    write_json,
    write_text,
)


def test_text_has_the_same_bytes_on_every_platform(tmp_path):
    write_text(tmp_path / "new" / "a.txt", "naïve\nline\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"na\xc3\xafve\nline\n"


def test_json_csv_and_arrays_round_trip(tmp_path):
    write_json(tmp_path / "a.json", {"iou": [0.5, None]})
    write_csv(tmp_path / "a.csv", ["name", "iou"], [["Hat, Cap", 0.5], ["Bag", None]])
    write_array(tmp_path / "a.npy", np.arange(3))
    write_arrays(tmp_path / "a.npz", {"names": np.array(["é"]), "counts": np.arange(2)})
    assert json.loads((tmp_path / "a.json").read_text()) == {"iou": [0.5, None]}
    assert (tmp_path / "a.csv").read_bytes() == b'name,iou\n"Hat, Cap",0.5\nBag,\n'
    assert np.load(tmp_path / "a.npy").tolist() == [0, 1, 2]
    with np.load(tmp_path / "a.npz") as arrays:
        assert {name: arrays[name].tolist() for name in arrays} == {
            "names": ["é"],
            "counts": [0, 1],
        }
    assert len(list(tmp_path.iterdir())) == 4


def test_the_longest_possible_file_name_is_supported(tmp_path):
    path = tmp_path / f"{'n' * 251}.txt"
    write_text(path, "content")
    assert path.read_text() == "content"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("half")])
def test_an_exception_in_the_block_keeps_the_old_content(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail():
        with replacing(path) as temporary:
            temporary.write_text("ha")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"


def test_a_full_disk_keeps_the_old_content_and_the_error_names_the_file(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def full(self, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(WriteError, match=r"a\.txt cannot be written: No space left") as raised:
        write_text(path, "new")
    assert raised.value.errno == errno.ENOSPC
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"cannot be written: (Not a directory|File exists)"):
        write_text(tmp_path / "file" / "a.txt", "new")


def test_a_write_error_can_be_pickled(tmp_path):
    error = WriteError(tmp_path / "a", OSError(errno.EACCES, "Permission denied"))
    received = pickle.loads(pickle.dumps(error))
    assert (str(received), received.errno) == (str(error), errno.EACCES)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "one"),
        (ValueError(), "ValueError"),
        (ValueError("\n \n"), "ValueError"),
        (KeyError("a"), "'a'"),
    ],
)
def test_the_first_line_of_an_error_always_exists(error, line):
    assert first_line(error) == line


@given(
    st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=2), max_size=5)
)
def test_no_cell_is_a_formula_and_every_text_is_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("tables") / "a.csv"
    write_csv(path, ["=1+1", "b"], rows)
    assert [[row["=1+1"], row["b"]] for row in read_csv(path)] == rows
    with path.open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    for cell in cells:
        assert not cell.startswith(("=", "@", "\t", "\r"))
        if cell.startswith(("+", "-")):
            float(cell)  # a number, not a formula


def test_numbers_of_a_table_remain_numbers(tmp_path):
    cells = [-0.5, -1, float("nan"), None, "-0.5", "+1e-3", "'=a", "-a", "@SUM(A1)"]
    write_csv(tmp_path / "a.csv", list("abcdefghi"), [cells])
    written = (tmp_path / "a.csv").read_text().splitlines()[1]
    assert written == "-0.5,-1,nan,,-0.5,+1e-3,''=a,'-a,'@SUM(A1)"


def test_a_file_is_written_only_if_it_has_another_content(tmp_path):
    path = tmp_path / "a"
    assert update_bytes(path, b"one")
    before = path.stat().st_ino
    assert not update_bytes(path, b"one")
    assert path.stat().st_ino == before
    assert update_bytes(path, b"two")
    assert path.read_bytes() == b"two"


@pytest.mark.parametrize("path", ["", ".", "/", "..", "no_such/.."])
def test_a_path_without_a_file_name_is_not_written(path):
    with pytest.raises(WriteError, match="cannot be written: it is a folder, not a file"):
        write_text(Path(path), "text")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/proc/1/wardrobe", "/proc/1 cannot be written: No such file"),
        ("/dev/null/wardrobe", "/dev/null cannot be written: it is not a folder"),
        ("/dev/null/deeper/wardrobe", "/dev/null/deeper cannot be written: it is not a folder"),
    ],
)
def test_a_lock_that_cannot_be_written_is_an_error_and_not_a_wait(path, reason):
    with (
        pytest.raises(DataError, match=f"{reason}.*; choose another folder"),
        locked(Path(path), "choose another folder"),
    ):
        pass


def test_a_lock_excludes_others_and_can_be_taken_again(tmp_path):
    from filelock import FileLock, Timeout

    path = tmp_path / "new" / "cache"
    for _ in range(2):
        with locked(path, ""), pytest.raises(Timeout):
            FileLock(f"{path}.lock", timeout=0).acquire()
