"""Atomic writing of files: write a temporary file in the same folder, flush it, rename it.

A reader sees either the old or the new content. A full disk or a killed process leaves the old file
unchanged.
"""

import contextlib
import csv
import errno
import io
import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothseg.error import DataError, WriteError

if TYPE_CHECKING:
    import numpy as np

TEMPORARY = ".tmp"
"""Suffix of the temporary files."""

CACHE_ADVICE = "choose another folder with data.cache=<folder>"
"""Remedy for a cache that cannot be written."""


@contextlib.contextmanager
def replacing(path: Path, previous: Path | None = None) -> Iterator[Path]:
    """Yield a temporary path next to `path` that replaces it if the block succeeds.

    The folder is created if it is missing. The temporary name is short, regardless of the length of
    the file name, and differs between processes.

    Args:
        path: the file.
        previous: new name, in the same folder, of the file that is replaced; None deletes it.

    Raises:
        WriteError: the file or its folder cannot be written.
    """
    if path.name in ("", ".."):
        raise WriteError(path, IsADirectoryError(errno.EISDIR, "it is a folder, not a file"))
    temporary = path.with_name(f".{os.getpid()}-{hash(path.name) & 0xFFFFFFFF:08x}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            _flush(temporary)
            if previous is not None and path.exists():
                _keep(path, previous)
            temporary.replace(path)
            _flush_folder(path.parent)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
    except OSError as error:
        raise WriteError(path, error) from error


@contextlib.contextmanager
def locked(path: Path, advice: str) -> Iterator[None]:
    """Exclude other processes that lock the same path; create its folder if it is missing.

    Args:
        path: a file or a folder, beside which the lock file is.
        advice: what to do if that cannot be written.

    Raises:
        DataError: the lock file cannot be written.
    """
    from filelock import FileLock

    lock = path.with_name(f"{path.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()  # FileLock, where it cannot create a file, tries again for ever
    except OSError as error:
        is_file = error.errno in (errno.EEXIST, errno.ENOTDIR)
        reason = "it is not a folder" if is_file else error.strerror
        raise DataError(f"{lock.parent} cannot be written: {reason}; {advice}") from error
    with FileLock(lock):
        yield


def remove_temporary_files(folder: Path) -> None:
    """Delete what killed processes left in a folder and its subfolders, if no other one writes."""
    for path in folder.rglob(f".*{TEMPORARY}"):
        path.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes; this and all functions below raise like :func:`replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    r"""Write UTF-8 text with `\n` line endings on every platform.

    Halves of characters, which stand for the bytes of file names in other encodings, are escaped.
    """
    write_bytes(path, text.encode(errors="backslashreplace"))


def update_bytes(path: Path, content: bytes) -> bool:
    """Write bytes unless the file holds them already; return whether it did not."""
    with contextlib.suppress(OSError):
        if path.stat().st_size == len(content) and path.read_bytes() == content:
            return False
    write_bytes(path, content)
    return True


def json_bytes(content: Any) -> bytes:
    """Encode as JSON with an indentation of one space and a final newline."""
    return (json.dumps(content, indent=1) + "\n").encode()


def write_json(path: Path, content: Any) -> None:
    """Write JSON, see :func:`json_bytes`."""
    write_bytes(path, json_bytes(content))


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Encode a table; None becomes an empty cell.

    Text that a spreadsheet would calculate, such as a class named `=1+1`, gets an apostrophe.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in itertools.chain([header], rows):
        cells = [_guarded(cell) for cell in row]
        # A carriage return ends a row for readers, but csv quotes only the end that it writes.
        special = any(isinstance(cell, str) and "\r" in cell for cell in cells)
        (quoted if special else table).writerow(cells)
    return text.getvalue().encode(errors="backslashreplace")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table, see :func:`csv_bytes`."""
    write_bytes(path, csv_bytes(header, rows))


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read a table of :func:`write_csv`: the cells of each row by the name of their column."""
    with path.open(newline="") as file:
        header, *rows = [[_unguarded(cell) for cell in row] for row in csv.reader(file)] or [[]]
    return [dict(zip(header, row, strict=False)) for row in rows]


_FORMULA = re.compile("'*[=+\\-@\t\r]")
"""Beginning of text that spreadsheets take for a formula, or that is guarded against that."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(inf|nan)", re.ASCII | re.IGNORECASE)
"""Text that is a number, and so no formula."""


def _guarded(cell: Any) -> Any:
    """Prefix text that is a formula to a spreadsheet; numbers remain numbers."""
    is_formula = isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def _unguarded(cell: str) -> str:
    """Remove the prefix of :func:`_guarded`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def array_bytes(array: "np.ndarray") -> bytes:
    """Encode an array in NumPy's `.npy` format."""
    import numpy as np

    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def write_array(path: Path, array: "np.ndarray") -> None:
    """Write an array in NumPy's `.npy` format."""
    write_bytes(path, array_bytes(array))


def write_arrays(path: Path, arrays: "Mapping[str, np.ndarray]") -> None:
    """Write arrays by name in NumPy's compressed `.npz` format; equal arrays give equal bytes."""
    import numpy as np

    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    write_bytes(path, content.getvalue())


def _keep(path: Path, previous: Path) -> None:
    """Give a file a second name, so that it exists at every moment; else rename it."""
    link = previous.with_name(f".{os.getpid()}-link{TEMPORARY}")
    link.unlink(missing_ok=True)
    try:
        os.link(path, link)
        link.replace(previous)
        link.unlink(missing_ok=True)  # it remains if both names already mean one file
    except OSError:  # the file system has no hard links
        path.replace(previous)


def _flush_folder(folder: Path) -> None:
    """Flush the entries of a folder, so that a renamed file is not lost when the power fails."""
    with contextlib.suppress(OSError):  # Windows does not open folders; some networks do not flush
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _flush(path: Path) -> None:
    """Flush the content to disk, because a rename may become durable before the content does."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
