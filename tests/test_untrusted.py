"""Files that never end, are too large or are no files are refused before they are read."""

import os
import zipfile

import pytest

from clothseg.checkpoint import read_checkpoint
from clothseg.error import ConfigError, DataError
from clothseg.run.tables import read_image_scores
from clothseg.untrusted import (
    MAX_IMAGE_BYTES,
    parse_json,
    read_file,
    read_text,
    require_archive,
    require_file,
)
from clothseg.weights.file import read_tensors


def make_pipe(path):
    os.mkfifo(path)


def make_sparse(path):
    with path.open("wb") as file:
        file.truncate(20 << 30)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (make_pipe, "is a named pipe, not a file"),
        (make_sparse, "has 21,474,836,480 bytes; files of this kind have at most 536,870,912"),
        (lambda path: path.symlink_to("/dev/zero"), "is a device, not a file"),
        (lambda path: path.mkdir(), "is a folder, not a file"),
        (lambda path: path.symlink_to("nowhere"), r"cannot be read \(No such file"),
        (lambda path: path.symlink_to(path.name), r"cannot be read \(Too many levels"),
    ],
)
def test_what_is_no_file_of_a_sensible_size_is_refused(make, problem, tmp_path):
    path = tmp_path / "a.jpg"
    make(path)
    with pytest.raises(DataError, match=problem):
        read_file(path, MAX_IMAGE_BYTES)


def test_an_archive_that_grows_when_it_is_decompressed_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(600_000))
        archive.writestr("b", bytes(400_000))
    assert path.stat().st_size < 2_000
    require_archive(path, 1_000_000)
    with pytest.raises(DataError, match=r"has 1,000,000 bytes once it is decompressed; .* 999,999"):
        require_archive(path, 999_999)


@pytest.mark.parametrize("read", ["checkpoint", "image_scores", "weights"])
def test_such_an_archive_is_refused_wherever_one_is_read(read, tmp_path):
    """The header of an entry is made to claim 40 GB: nothing of it is decompressed."""
    path = tmp_path / {"image_scores": "image_scores.npz"}.get(read, "weights.pth")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(1000))
        archive.filelist[0].file_size = 40 << 30
    readers = {
        "checkpoint": lambda: read_checkpoint(path),
        "image_scores": lambda: read_image_scores(tmp_path),
        "weights": lambda: read_tensors(path, "backbone.weights"),
    }
    with pytest.raises((DataError, ConfigError), match=r"has 42,949,672,960 bytes once"):
        readers[read]()


def test_a_null_character_in_a_name_is_an_error(tmp_path):
    with pytest.raises(DataError, match="null"):
        require_file(tmp_path / "a\0b", 10)


def test_a_file_at_the_limit_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_file(tmp_path / "a", 5) == b"12345"
    with pytest.raises(DataError, match="has 5 bytes"):
        read_file(tmp_path / "a", 4)


def test_text_loses_its_byte_order_mark_and_keeps_what_is_not_utf_8(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbf1 2\xff")
    assert read_text(tmp_path / "a") == "1 2\ufffd"


@pytest.mark.parametrize("text", [b"[" * 100_000, b"{", b"\xff", b"", b"9" * 5000])
def test_what_is_not_json_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"nested|Expecting|decode|has thousands of digits$"):
        parse_json(text)
