"""Reading of files that somebody else made: type and size are looked at before the content.

A pipe never ends, `/dev/zero` neither, and a sparse file of 20 GB takes no room on a disk. Every
file of a dataset, every photo and every mask is opened through this module.
"""

import io
import json
import stat
import zipfile
from codecs import BOM_UTF8
from pathlib import Path
from typing import Any

from clothseg.error import DataError

MAX_IMAGE_BYTES = 1 << 29
"""Largest image file, 512 MiB: an uncompressed image of 134 million pixels has 403 MB."""
MAX_CHECKPOINT_BYTES = 1 << 35
"""Largest checkpoint, 32 GiB: that of 2.7 billion parameters with the state of Adam."""
MAX_TABLE_BYTES = 1 << 34
"""Largest table that is read line by line, 16 GiB; iMaterialist's has 2.4 GB."""
MAX_LINE_BYTES = 1 << 24
"""Longest line of such a table, 16 MiB: runs of one object."""
MAX_LIST_BYTES = 1 << 29
"""Largest file that is parsed as a whole, 512 MiB; ModaNet's annotations have 106 MB."""
MAX_NOTE_BYTES = 1 << 20
"""Largest text about one image, or about the classes of a dataset, 1 MiB."""

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def require_file(path: Path, max_bytes: int) -> int:
    """Return the size of a regular file, or of the regular file that a link points to, in bytes.

    Raises:
        DataError: there is no such file, it is a pipe or a device, or it is too large.
    """
    try:
        state = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise DataError(f"{path}: cannot be read ({_reason(error)})") from error
    kinds = [name for is_kind, name in _KINDS if is_kind(state.st_mode)]
    if kinds:
        raise DataError(f"{path}: is {kinds[0]}, not a file")
    if state.st_size > max_bytes:
        raise DataError(
            f"{path}: has {state.st_size:,} bytes; files of this kind have at most {max_bytes:,}"
        )
    return state.st_size


def read_file(path: Path, max_bytes: int) -> bytes:
    """Read a regular file.

    Raises:
        DataError: see :func:`require_file`; or there is no permission.
    """
    require_file(path, max_bytes)
    try:
        with path.open("rb") as file:
            return file.read(max_bytes)  # bounded also if the file grows
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({_reason(error)})") from error


def require_archive(path: Path, max_bytes: int, content: bytes | None = None) -> None:
    """Check the size of what a ZIP file contains, of which it states the sizes.

    Args:
        path: the file.
        max_bytes: largest size of its decompressed content.
        content: bytes of the file, if they were read.

    Raises:
        DataError: it would be too large once it is decompressed.
        zipfile.BadZipFile: it is no ZIP file, or its end is missing.
    """
    with zipfile.ZipFile(path if content is None else io.BytesIO(content)) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > max_bytes:
        raise DataError(
            f"{path}: has {size:,} bytes once it is decompressed; files of this kind have at most "
            f"{max_bytes:,}"
        )


def read_text(path: Path, max_bytes: int = MAX_NOTE_BYTES) -> str:
    """Read UTF-8 text; a byte order mark is dropped, and what is not UTF-8 is replaced.

    Raises:
        DataError: see :func:`read_file`.
    """
    return read_file(path, max_bytes).removeprefix(BOM_UTF8).decode(errors="replace")


def parse_json(text: bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: it is not JSON, or is nested too deeply for the parser.
    """
    try:
        return json.loads(text.removeprefix(BOM_UTF8))
    except RecursionError as error:
        raise ValueError("lists or objects are nested too deeply") from error
    except ValueError as error:
        raise ValueError(without_advice(error)) from error


def without_advice(error: Exception) -> str:
    """Text of an error without Python's advice to developers about numbers that are too long."""
    text = str(error)
    return "a number has thousands of digits" if "set_int_max_str_digits" in text else text


def _reason(error: OSError | ValueError) -> str:
    """Describe why a file cannot be opened."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
