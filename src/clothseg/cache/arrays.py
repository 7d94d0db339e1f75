"""Folders of arrays with one row per sample, appended row by row and renamed when complete."""

import errno
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clothseg.cache.columns import AnyColumn, ColumnWriter
from clothseg.error import DataError
from clothseg.files import CACHE_ADVICE, locked

Row = Sequence[Any]
"""One value for each column: an array or a number."""


@dataclass(frozen=True)
class ArrayFolder:
    """Folder of files, which exists under its name only if all of them are complete.

    Until then it has the suffix `.building`, and the next attempt continues after its last row.

    Args:
        path: the folder.
        columns: its arrays.
        rows: number of rows of every array.
    """

    path: Path
    columns: Sequence[AnyColumn]
    rows: int

    def is_complete(self) -> bool:
        """True if every array exists and has the size in the manifest."""
        try:
            sizes = json.loads((self.path / "manifest.json").read_text())
            return all(path.stat().st_size == sizes[path.stem] for path in self._files(self.path))
        except (OSError, ValueError, TypeError, KeyError):
            return False

    def load(self) -> dict[str, Any]:
        """Map the arrays of a complete folder into memory, by name."""
        return {column.name: column.load(self.path) for column in self.columns}

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
                writers = [column.open(temporary, self.rows, stack) for column in self.columns]
                yield RowWriter(writers)
            sizes = {path.stem: path.stat().st_size for path in self._files(temporary)}
            (temporary / "manifest.json").write_text(json.dumps(sizes))
            temporary.rename(self.path)
        except Exception:  # excludes Ctrl-C
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def _files(self, folder: Path) -> list[Path]:
        return [folder / name for column in self.columns for name in column.files]


class RowWriter:
    """Appends rows to the files of a folder.

    Args:
        columns: one writer per column, whose files may contain the rows of an interrupted attempt.

    Attributes:
        done: number of rows that an earlier attempt has written to all files.
    """

    def __init__(self, columns: Sequence[ColumnWriter]) -> None:
        self._columns = columns
        self.done = min(column.complete for column in columns)
        for column in columns:
            column.truncate(self.done)

    def append(self, row: Row) -> None:
        """Append one row to every file."""
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)


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
