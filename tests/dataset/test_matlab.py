"""MATLAB v5 files: equal to scipy's reading, and no damage ends the process."""

import contextlib
import struct
import zlib

import numpy as np
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st

from clothseg.dataset.matlab import load_matlab
from clothseg.error import DataError

NAMES = ["null", "left shoe", "ä"]


def write(path, compressed=False, **variables):
    scipy.io.savemat(path, variables, do_compression=compressed)
    return path


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float64, np.float32, np.int64, bool])
def test_matrices_equal_those_of_scipy(kind, compressed, tmp_path):
    values = np.random.default_rng(0).integers(0, 2, (5, 7)).astype(kind)
    path = write(tmp_path / "a.mat", compressed, other=np.eye(2), groundtruth=values)
    expected = scipy.io.loadmat(path)["groundtruth"]
    found = load_matlab(path, "groundtruth")
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("compressed", [False, True])
def test_cells_are_their_strings(compressed, tmp_path):
    cells = np.empty((1, 3), object)
    cells[0] = NAMES
    assert load_matlab(write(tmp_path / "a.mat", compressed, names=cells), "names") == NAMES


def test_a_missing_variable_is_named(tmp_path):
    path = write(tmp_path / "a.mat", mask=np.eye(2), more=np.eye(2))
    with pytest.raises(DataError, match="has no variable `groundtruth`; found mask, more"):
        load_matlab(path, "groundtruth")


def matrix(height, width, content=b"\x01"):
    """Write an uncompressed uint8 matrix that declares any size."""
    parts = struct.pack("<IIII", 6, 8, 9, 0) + struct.pack("<IIii", 5, 8, height, width)
    parts += struct.pack("<II", 1, 1) + b"m".ljust(8, b"\0")
    parts += struct.pack("<II", 2, len(content)) + content + bytes(-len(content) % 8)
    return struct.pack("<II", 14, len(parts)) + parts


HEADER = b"MATLAB 5.0".ljust(124) + b"\x00\x01IM"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (matrix(1 << 20, 1 << 20), "declares 1048576x1048576 values"),
        (matrix(-5, 3), "declares -5x3 values"),
        (matrix(2, 3), "has 1 values, but declares 6"),
        (matrix(1, 1)[:-4], "is cut off"),
        (struct.pack("<II", 15, 9) + b"not zlib!", r"MATLAB file \(it is damaged\)$"),
    ],
)
def test_what_a_file_declares_is_compared_with_what_it_has(body, problem, tmp_path):
    (tmp_path / "a.mat").write_bytes(HEADER + body)
    with pytest.raises(DataError, match=problem):
        load_matlab(tmp_path / "a.mat", "m")


def test_decompression_stops_at_the_limit(tmp_path):
    packed = zlib.compress(matrix(1, 5_000_000, bytes(5_000_000)))
    (tmp_path / "a.mat").write_bytes(HEADER + struct.pack("<II", 15, len(packed)) + packed)
    assert load_matlab(tmp_path / "a.mat", "m").shape == (1, 5_000_000)
    with pytest.raises(DataError, match="its variables have more than 1,000,000 bytes"):
        load_matlab(tmp_path / "a.mat", "m", 1_000_000)


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    folder = tmp_path_factory.mktemp("matlab")
    cells = np.empty((1, 3), object)
    cells[0] = NAMES
    return folder, write(folder / "a.mat", names=cells, mask=np.eye(3)).read_bytes()


@given(st.data())
def test_any_damage_is_an_error_or_goes_unnoticed(intact, data):
    folder, content = intact
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "b.mat").write_bytes(changed[: data.draw(st.integers(0, len(content)))])
    for name in ("names", "mask"):
        with contextlib.suppress(DataError):
            load_matlab(folder / "b.mat", name)
