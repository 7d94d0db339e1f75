"""Folders of arrays with one row per sample, appended row by row and renamed when complete."""

import errno
import io
import json
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from clothseg.error import DataError
from clothseg.files import CACHE_ADVICE, locked

Row = Sequence[Any]
"""One value for each column: an array or a number."""


@dataclass(frozen=True)
class Column:
    """One array of a folder.

    Args:
        name: name of the array; stem of its file.
        dtype: type of its elements.
        shape: shape of one row.
    """

    name: str
    dtype: type[np.generic]
    shape: tuple[int, ...] = ()

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


@dataclass(frozen=True)
class ArrayFolder:
    """Folder of `.npy` files, which exists under its name only if all of them are complete.

    Until then it has the suffix `.building`, and the next attempt continues after its last row.

    Args:
        path: the folder.
        columns: its arrays.
        rows: number of rows of every array.
    """

    path: Path
    columns: Sequence[Column]
    rows: int

    def is_complete(self) -> bool:
        """True if every array exists and has the size in the manifest."""
        try:
            sizes = json.loads((self.path / "manifest.json").read_text())
            return all(self._file(c).stat().st_size == sizes[c.name] for c in self.columns)
        except (OSError, ValueError, TypeError, KeyError):
            return False

    def load(self) -> dict[str, Any]:
        """Map the arrays of a complete folder into memory, by name."""
        return {c.name: np.load(self._file(c), mmap_mode="r") for c in self.columns}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Exclude other processes from writing the folder.

        Raises:
            DataError: its parent is not a folder that can be written.
        """
        with locked(self.path, CACHE_ADVICE):
            yield

    @contextmanager
    def writing(self) -> Iterator["RowWriter"]:
        """Yield a writer of the missing rows; the folder is complete once the block succeeds.

        An error discards all rows. After Ctrl-C they remain, so that the next attempt resumes.
        """
        temporary = self.path.with_name(f"{self.path.name}.building")
        shutil.rmtree(self.path, ignore_errors=True)
        temporary.mkdir(exist_ok=True)
        try:
            with ExitStack() as stack:
                paths = [temporary / f"{column.name}.npy" for column in self.columns]
                files = [stack.enter_context(_open_for_update(path)) for path in paths]
                yield RowWriter(self, files)
            sizes = {path.stem: path.stat().st_size for path in paths}
            (temporary / "manifest.json").write_text(json.dumps(sizes))
            temporary.rename(self.path)
        except Exception:  # excludes Ctrl-C
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def _file(self, column: Column) -> Path:
        return self.path / f"{column.name}.npy"


class RowWriter:
    """Appends rows to the files of a folder.

    Args:
        folder: the folder.
        files: one open file per column, which may contain the rows of an interrupted attempt.

    Attributes:
        done: number of rows that an earlier attempt has written to all files.
    """

    def __init__(self, folder: ArrayFolder, files: Sequence[BinaryIO]) -> None:
        self._columns, self._files = folder.columns, files
        headers = [column.header(folder.rows) for column in folder.columns]
        self.done = self._truncate_to_complete_rows(headers)

    def append(self, row: Row) -> None:
        """Append one row to every file."""
        for file, value, column in zip(self._files, row, self._columns, strict=True):
            file.write(np.asarray(value, column.dtype).tobytes())

    def _truncate_to_complete_rows(self, headers: Sequence[bytes]) -> int:
        """Truncate all files to the rows that all of them contain; return the number of rows."""
        sizes = [os.fstat(file.fileno()).st_size for file in self._files]
        columns = list(zip(self._files, headers, self._columns, strict=True))
        rows = [
            (size - len(header)) // column.stride
            for size, (_, header, column) in zip(sizes, columns, strict=True)
        ]
        done = max(0, min(rows))
        for file, header, column in columns:
            if done == 0:
                file.write(header)
            file.truncate(len(header) + done * column.stride)
            file.seek(0, os.SEEK_END)
        return done


@contextmanager
def disk_full_as_data_error(root: Path) -> Iterator[None]:
    """Convert the system error of a full disk to a DataError.

    Args:
        root: folder that is being written, for the message.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise DataError(
            f"no space left while caching decoded images in {root}; no partial data is left "
            "behind. Free some space there or choose another folder with data.cache=<folder>"
        ) from error


def _open_for_update(path: Path) -> BinaryIO:
    """Open a file for reading and writing without truncating it."""
    path.touch()
    return path.open("r+b")
