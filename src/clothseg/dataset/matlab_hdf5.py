"""Variables of MATLAB v7.3 files, which are HDF5: cell arrays, records, text and numbers.

HDF5 raises any exception for damaged files, follows links to other files, and lets an array be
anything. Here, every exception of reading becomes an error that says which item cannot be read.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from clothseg.error import DataError, abbreviate
from clothseg.untrusted import MAX_TABLE_BYTES, require_file

MAX_CELLS, MAX_TEXTS, MAX_CHARACTERS = 1 << 16, 1 << 8, 1 << 10
"""Most items of a cell array, most of them if they are texts, and the longest text."""
NUMBERS, CODES = "number", "character"
KINDS = {NUMBERS: "uif", CODES: "ui"}
"""NumPy's kinds of what an array may contain."""


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file.

    Raises:
        DataError: it is not such a file.
    """
    import h5py

    require_file(path, MAX_TABLE_BYTES)
    try:
        file = h5py.File(path)
    except Exception as error:  # HDF5 raises many types for damaged files
        message = f"{path}: cannot be read as HDF5 (MATLAB v7.3); obtain the file again"
        raise DataError(message) from error
    with file:
        yield file


def cells(file: Any, name: str, most: int = MAX_CELLS) -> Any:
    """Return a cell array, which consists of references to its items.

    Raises:
        DataError: there is none of this name, it is something else, or it has more than `most`
            items.
    """
    import h5py

    path = file.filename
    with _reading(f"{path}: `{name}`"):
        if name not in file:
            raise DataError(f"{path}: has no `{name}`; found {abbreviate(list(file))}")
        array = _array(file, name, f"{path}: `{name}`")
        if h5py.check_ref_dtype(array.dtype) is not h5py.Reference:
            raise DataError(f"{path}: `{name}` is not a cell array")
        _require_stored(array, most, f"{path}: `{name}`")
        return array


def references(array: Any) -> list[Any]:
    """Read the references in a cell array, in order."""
    place = f"{array.file.filename}: `{array.name.removeprefix('/')}`"
    with _reading(place):
        return list(np.array(array).ravel())


def record_at(array: Any, index: int, place: str) -> Any:
    """Return the record that one cell refers to; errors as those of :func:`record`."""
    with _reading(place):
        reference = array[np.unravel_index(index, array.shape)]
    return record(array.file, reference, place)


def record(file: Any, reference: Any, place: str) -> Any:
    """Return a record.

    Args:
        file: the opened file.
        reference: to the record.
        place: file and record, for messages.

    Raises:
        DataError: the reference leads to something else, or nowhere.
    """
    import h5py

    with _reading(place):
        found = file[reference]
        if not isinstance(found, h5py.Group):
            raise DataError(f"{place} is not a record with members")
        return found


def member(group: Any, name: str, place: str) -> Any:
    """Return an array of a record.

    Raises:
        DataError: it is missing, is something else, or is in another file.
    """
    with _reading(f"{place}: {name}"):
        return _array(group, name, f"{place}: {name}")


def text(array: Any, place: str) -> str:
    """Decode a string, which MATLAB stores as character codes.

    Raises:
        DataError: see :func:`values`; or a code is not that of a character.
    """
    codes = values(array, MAX_CHARACTERS, place, CODES)
    with _reading(place):
        return "".join(map(chr, codes.ravel().tolist()))


def texts(file: Any, name: str) -> list[str]:
    """Read a cell array of strings; errors as those of :func:`cells` and :func:`text`."""
    import h5py

    place = f"{file.filename}: `{name}`"
    found = []
    for number, reference in enumerate(references(cells(file, name, MAX_TEXTS)), start=1):
        with _reading(place):
            array = file[reference]
            if not isinstance(array, h5py.Dataset):
                raise DataError(f"{place}: item {number} is not a text")
        found.append(text(array, f"{place}: item {number}"))
    return found


def values(array: Any, most: int, place: str, kind: str = NUMBERS) -> np.ndarray:
    """Read an array.

    Args:
        array: as :func:`member` returns it.
        most: largest number of values.
        place: file and item, for messages.
        kind: what the values have to be.

    Raises:
        DataError: the values are of another kind, too many, in another file, or damaged.
    """
    with _reading(place):
        if array.dtype.kind not in KINDS[kind]:
            raise DataError(f"{place} has values of type {array.dtype}; expected {kind}s")
        _require_stored(array, most, place)
        return np.array(array)


def _array(group: Any, name: str, place: str) -> Any:
    """Return an array of a group, without following links, which lead to any file."""
    import h5py

    link = group.get(name, getlink=True)
    if link is None:
        raise DataError(f"{place} is missing; found {abbreviate(list(group)) or 'nothing'}")
    if not isinstance(link, h5py.HardLink):
        raise DataError(f"{place} is a link, maybe to another file; expected an array")
    array = group[name]
    if not isinstance(array, h5py.Dataset):
        raise DataError(f"{place} is not an array")
    return array


def _require_stored(array: Any, most: int, place: str) -> None:
    """Check the size of an array, and of the parts in which it is decompressed."""
    if array.shape is None or not array.size:
        raise DataError(f"{place} has no values")
    count = max(array.size, math.prod(array.chunks or ()))
    if count > most:
        raise DataError(f"{place} has {count:,} values; at most {most:,} are expected")
    if array.external or array.is_virtual:
        raise DataError(f"{place}: the values are in another file")


@contextmanager
def _reading(place: str) -> Iterator[None]:
    """Turn every exception of reading an item into an error that names it."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # HDF5 raises many types for damaged files
        message = f"{place} cannot be read, as the file is damaged; obtain it again"
        raise DataError(message) from error
