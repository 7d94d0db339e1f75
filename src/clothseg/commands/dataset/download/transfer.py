"""Download of a file, complete or not at all, that resumes an interrupted attempt."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from clothseg.commands.dataset.download.sources import PublicFile
from clothseg.dataset.coco import LFS_POINTER
from clothseg.error import DataError
from clothseg.terminal.screen import byte_bar, say

TIMEOUT = 10.0
"""Seconds to wait for a response and for each of its blocks."""
BLOCK_SIZE = 1 << 18
"""Bytes per read."""


def fetch(file: PublicFile, root: Path) -> None:
    """Download a file into a folder, unless an intact copy exists.

    The content is stored in `<name>.part` until it is complete and its checksum is verified.

    Raises:
        DataError: a different file exists, the server does not respond, the connection closed
            early, the checksum is wrong, or the file cannot be written; the message states what to
            do.
    """
    target = root / file.path
    if target.is_file() and not _is_pointer(target):
        if not _is_intact(target, file):
            raise DataError(
                f"{target} exists with different content ({target.stat().st_size} bytes, expected "
                f"{file.size} with md5 {file.md5}); move it away and try again"
            )
        say(f"{target} is complete")
        return
    part = target.with_name(f"{target.name}.part")
    with _explain_errors(file, target, part):
        part.parent.mkdir(parents=True, exist_ok=True)
        _receive(file, part)
        if not _is_intact(part, file):
            size = part.stat().st_size
            part.unlink()
            raise DataError(
                f"{file.url}: the download ({size} bytes) does not have the md5 {file.md5} and was "
                "removed; try again, or compare with the publisher's checksum"
            )
        part.replace(target)
    say(f"written to {target}")


def _receive(file: PublicFile, part: Path) -> None:
    """Download the missing rest of `part`, or everything if the server does not support ranges."""
    done = part.stat().st_size if part.is_file() else 0
    if done > file.size:
        part.unlink()
        done = 0
    if done == file.size:
        return
    request = Request(file.url, headers={"Range": f"bytes={done}-"} if done else {})
    with urlopen(request, timeout=TIMEOUT) as response:
        if response.status != HTTPStatus.PARTIAL_CONTENT:
            done = 0
        bar = byte_bar(part.stem, file.size, done)
        with part.open("ab" if done else "wb") as output, bar as advance:
            while block := response.read(BLOCK_SIZE):
                output.write(block)
                advance(len(block))
    if part.stat().st_size < file.size:
        raise HTTPException("the connection closed early")


@contextmanager
def _explain_errors(file: PublicFile, target: Path, part: Path) -> Iterator[None]:
    """Convert download errors to a DataError whose message states how to proceed."""
    try:
        yield
    except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(error, HTTPError):
            reason = f"{error.code} {error.reason}"
        done = part.stat().st_size if part.is_file() else 0
        resumable = f"; {done} of {file.size} bytes are saved, and the same command resumes there"
        raise DataError(
            f"{file.url} cannot be downloaded ({reason}){resumable if done else ''}. You can also "
            f"download it on another machine and copy it to {target}"
        ) from error
    except OSError as error:
        raise DataError(f"{target} cannot be written: {error.strerror or error}") from error


def _is_intact(path: Path, file: PublicFile) -> bool:
    if path.stat().st_size != file.size:
        return False
    with path.open("rb") as content:
        return hashlib.file_digest(content, "md5").hexdigest() == file.md5


def _is_pointer(path: Path) -> bool:
    """Return whether a file is the pointer that a clone without Git LFS has instead of the file."""
    with path.open("rb") as content:
        return content.read(len(LFS_POINTER)) == LFS_POINTER
