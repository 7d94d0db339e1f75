"""Folders of arrays: complete or absent, and resumed after any interruption."""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clothseg.cache.arrays import ArrayFolder
from clothseg.cache.columns import Column, FlatColumn
from clothseg.cache.decoding import Store, fill
from clothseg.labels import LabelSpace

COLUMNS = (
    Column("pictures", np.uint8, (2, 3)),
    Column("counts", np.int64, (4,)),
    Column("flags", np.bool_),
    FlatColumn("words"),
)
NAMES = [column.name for column in COLUMNS]
FILES = [name for column in COLUMNS for name in column.files]
LABELS = LabelSpace("plain", ["a", "b"], ["#000000", "#ffffff"], {"a": ["a"], "b": ["b"]})


def row(number):
    """Row of a folder as a function of its number."""
    counts = [number, -number, number**2, 0]
    return np.full((2, 3), number), counts, number % 3 == 0, np.full(number % 4 + 1, number)


def expected(rows):
    *columns, words = zip(*map(row, range(rows)), strict=True)
    return dict(zip(NAMES, [*map(np.array, columns), words], strict=True))


def write(folder, stop=None):
    """Write the missing rows; return how many there were. Ctrl-C comes before row `stop`."""
    with folder.writing() as writer:
        for number in range(writer.done, folder.rows):
            if number == stop:
                raise KeyboardInterrupt
            writer.append(row(number))
    return folder.rows - writer.done


def assert_complete(folder):
    assert folder.is_complete()
    arrays = folder.load()
    assert arrays.keys() == set(NAMES)
    for name, rows in expected(folder.rows).items():
        assert len(arrays[name]) == len(rows)
        for found, one in zip(arrays[name], rows, strict=True):
            assert np.array_equal(found, one)
    assert not folder.path.with_name(f"{folder.path.name}.building").exists()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.integers(1, 12),
    stops=st.lists(st.integers(0, 11), max_size=3),
    lost=st.dictionaries(st.sampled_from(FILES), st.integers(0, 400)),
)
def test_interrupted_folders_are_completed_with_equal_rows(rows, stops, lost, tmp_path_factory):
    folder = ArrayFolder(tmp_path_factory.mktemp("arrays") / "folder", COLUMNS, rows)
    for stop in stops:
        if folder.is_complete():
            break
        try:
            write(folder, stop)
        except KeyboardInterrupt:
            assert not folder.path.exists()
            for name, count in lost.items():  # not flushed before a power failure
                path = folder.path.with_name("folder.building") / name
                os.truncate(path, max(0, path.stat().st_size - count))
    if not folder.is_complete():
        write(folder)
    assert_complete(folder)


def test_written_rows_are_not_written_again(tmp_path):
    folder = ArrayFolder(tmp_path / "folder", COLUMNS, 9)
    for stop in (4, 6):
        with pytest.raises(KeyboardInterrupt):
            write(folder, stop)
    assert write(folder) == 3
    assert_complete(folder)


def test_an_error_leaves_nothing(tmp_path):
    folder = ArrayFolder(tmp_path / "folder", COLUMNS, 3)
    with pytest.raises(KeyboardInterrupt):
        write(folder, stop=2)
    with pytest.raises(ValueError, match="invalid literal"), folder.writing() as writer:
        writer.append(("not a number",) * 4)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pictures": 1}', "null"])
def test_a_folder_with_another_manifest_is_incomplete(text, tmp_path):
    folder = ArrayFolder(tmp_path / "folder", COLUMNS, 3)
    write(folder)
    (folder.path / "manifest.json").write_text(text)
    assert not folder.is_complete()
    write(folder)
    assert_complete(folder)


class Numbers:
    """Reader whose samples are numbers."""

    names = ("a", "b")

    def __init__(self):
        self.reads = []

    def prepare(self):
        pass

    def read(self, sample):
        self.reads.append(sample)
        return None, np.zeros((1, 1), np.uint8)


@given(rows=st.integers(1, 8), stops=st.lists(st.integers(0, 8), min_size=3, max_size=3))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_one_pass_completes_stores_that_differ_in_progress(rows, stops, tmp_path_factory):
    root, reader = tmp_path_factory.mktemp("stores"), Numbers()
    folders = [ArrayFolder(root / str(n), COLUMNS, rows) for n in range(len(stops))]
    for folder, stop in zip(folders, stops, strict=True):
        try:
            write(folder, stop)
        except KeyboardInterrupt:
            assert stop < rows
    stores = [Store(folder, lambda decoded: row(decoded.sample)) for folder in folders]
    fill(stores, range(rows), reader, LABELS)
    for folder in folders:
        assert_complete(folder)
    assert sorted(reader.reads) == list(range(min(*stops, rows), rows))
    fill(stores, range(rows), reader, LABELS)
    assert len(reader.reads) == rows - min(*stops, rows)
