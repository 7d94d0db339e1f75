"""Columns of a folder of arrays: how their rows are written to files and mapped into memory.

Rows of a :class:`Column` have one shape. Rows of a :class:`FlatColumn` are one byte or more, one
after the other in one file, beside the position in which each of them ends. Both are appended row
by row, and both tell how many rows are complete, so that an interrupted pass continues after them.
"""

import io
import math
import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np


class ColumnWriter(Protocol):
    """Rows of one column that is being written."""

    @property
    def complete(self) -> int:
        """Number of rows that its files contain completely."""

    def truncate(self, rows: int) -> None:
        """Keep a number of complete rows, after which others are appended."""

    def append(self, value: Any) -> None:
        """Append one row."""


@dataclass(frozen=True)
class Column:
    """Array whose rows have one shape, a `.npy` file.

    Args:
        name: name of the array; stem of its file.
        dtype: type of its elements.
        shape: shape of one row.
    """

    name: str
    dtype: type[np.generic]
    shape: tuple[int, ...] = ()

    @property
    def files(self) -> list[str]:
        """Names of its files."""
        return [f"{self.name}.npy"]

    @property
    def stride(self) -> int:
        """Bytes of one row."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def header(self, rows: int) -> bytes:
        """Header of a `.npy` file with a number of rows."""
        descr = np.lib.format.dtype_to_descr(np.dtype(self.dtype))
        file = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            file, {"descr": descr, "fortran_order": False, "shape": (rows, *self.shape)}
        )
        return file.getvalue()

    def load(self, folder: Path) -> np.ndarray:
        """Map the complete array of a folder into memory."""
        return np.asanyarray(np.load(folder / self.files[0], mmap_mode="r"))

    def open(self, folder: Path, rows: int, stack: ExitStack) -> "EqualRows":
        """Open the file of an array that will have a number of rows; the stack closes it."""
        file = stack.enter_context(_open_for_update(folder / self.files[0]))
        return EqualRows(file, self, self.header(rows))


@dataclass(frozen=True)
class FlatColumn:
    """Array of bytes whose rows have any length: a `.bin` file, and a `.npy` file of their ends.

    Args:
        name: name of the array; stem of its file.
    """

    name: str

    @property
    def ends(self) -> Column:
        """Position in the file after the last byte of each row."""
        return Column(f"{self.name}_ends", np.int64)

    @property
    def files(self) -> list[str]:
        """Names of its files."""
        return [f"{self.name}.bin", *self.ends.files]

    def load(self, folder: Path) -> "FlatRows":
        """Map the complete rows of a folder into memory."""
        content = np.memmap(folder / self.files[0], np.uint8, mode="r")
        return FlatRows(content, self.ends.load(folder))

    def open(self, folder: Path, rows: int, stack: ExitStack) -> "UnequalRows":
        """Open the files of a number of rows; the stack closes them."""
        file = stack.enter_context(_open_for_update(folder / self.files[0]))
        return UnequalRows(file, self.ends.open(folder, rows, stack))


AnyColumn = Column | FlatColumn
"""Column of either kind."""


@dataclass(frozen=True, eq=False)
class FlatRows:
    """Rows of bytes of any length.

    Args:
        content: uint8 [B], the rows one after the other.
        ends: int64 [M], position after the last byte of each of them.
    """

    content: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        """Number of rows M."""
        return len(self.ends)

    def __getitem__(self, row: int) -> np.ndarray:
        """Bytes of a row, uint8."""
        start = self.ends[row - 1] if row else 0
        return self.content[start : self.ends[row]]


class EqualRows:
    """Rows of one shape that are being written.

    Args:
        file: the `.npy` file, which may contain the rows of an interrupted attempt.
        column: the array.
        header: header of the file.
    """

    def __init__(self, file: BinaryIO, column: Column, header: bytes) -> None:
        self.file, self.column, self.header = file, column, header

    @property
    def complete(self) -> int:
        """Number of rows that the file contains completely."""
        return max(0, (_size(self.file) - len(self.header)) // self.column.stride)

    def read(self) -> np.ndarray:
        """Read the complete rows."""
        self.file.seek(len(self.header))
        content = self.file.read(self.complete * self.column.stride)
        return np.frombuffer(content, self.column.dtype).reshape(-1, *self.column.shape)

    def truncate(self, rows: int) -> None:
        """Keep a number of complete rows, after which others are appended."""
        if rows == 0:
            self.file.seek(0)
            self.file.write(self.header)
        self.file.truncate(len(self.header) + rows * self.column.stride)
        self.file.seek(0, os.SEEK_END)

    def append(self, value: Any) -> None:
        """Append one row."""
        self.file.write(np.asarray(value, self.column.dtype).tobytes())


class UnequalRows:
    """Rows of bytes of any length that are being written.

    Args:
        file: the `.bin` file, which may contain the rows of an interrupted attempt.
        ends: the positions after each row.
    """

    def __init__(self, file: BinaryIO, ends: EqualRows) -> None:
        self.file, self.ends, self.end = file, ends, 0

    @property
    def complete(self) -> int:
        """Number of rows that both files contain completely."""
        return int(np.searchsorted(self.ends.read(), _size(self.file), side="right"))

    def truncate(self, rows: int) -> None:
        """Keep a number of complete rows, after which others are appended."""
        self.end = int(self.ends.read()[rows - 1]) if rows else 0
        self.ends.truncate(rows)
        self.file.truncate(self.end)
        self.file.seek(0, os.SEEK_END)

    def append(self, value: Any) -> None:
        """Append one row, an array uint8 of any shape."""
        content = np.asarray(value, np.uint8).tobytes()
        self.end += len(content)
        self.file.write(content)
        self.ends.append(self.end)


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _open_for_update(path: Path) -> BinaryIO:
    """Open a file for reading and writing without truncating it."""
    path.touch()
    return path.open("r+b")
