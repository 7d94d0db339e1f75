"""Downloads a file whole or not at all, and goes on where an earlier attempt was cut off."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from clothseg.commands.dataset.download.places import OpenFile
from clothseg.dataset.modanet import LFS_POINTER
from clothseg.error import DataError
from clothseg.screen import byte_bar, say

PATIENCE = 10.0
"""Seconds that a server has for an answer, and for every block of it."""
BLOCK = 1 << 18
"""Bytes that are read at once."""


def fetch(file: OpenFile, root: Path) -> None:
    """Download a file below a folder; one that is there and intact is left alone.

    What has arrived is in `<name>.part` until it is complete and its checksum is right.

    Raises:
        DataError: another file is in its place, the server does not answer, the connection ended
            early, the checksum is wrong, or the file cannot be written; says what to do.
    """
    target = root / file.path
    if target.is_file() and not _is_pointer(target):
        if not _is_intact(target, file):
            raise DataError(
                f"{target} is there with another content ({target.stat().st_size} bytes, expected "
                f"are {file.size} with md5 {file.md5}); move it away and try again"
            )
        say(f"{target} is complete")
        return
    part = target.with_name(f"{target.name}.part")
    with _explained(file, target, part):
        part.parent.mkdir(parents=True, exist_ok=True)
        _receive(file, part)
        if not _is_intact(part, file):
            size = part.stat().st_size
            part.unlink()
            raise DataError(
                f"{file.url}: what arrived ({size} bytes) has not the md5 {file.md5} and was "
                "removed; try again, or compare with the publisher's checksum"
            )
        part.replace(target)
    say(f"written to {target}")


def _receive(file: OpenFile, part: Path) -> None:
    """Download what `part` lacks; all of it from a server that cannot go on in the middle."""
    done = part.stat().st_size if part.is_file() else 0
    if done > file.size:
        part.unlink()
        done = 0
    if done == file.size:
        return
    request = Request(file.url, headers={"Range": f"bytes={done}-"} if done else {})
    with urlopen(request, timeout=PATIENCE) as answer:
        if answer.status != HTTPStatus.PARTIAL_CONTENT:
            done = 0
        bar = byte_bar(part.stem, file.size, done)
        with part.open("ab" if done else "wb") as output, bar as advance:
            while block := answer.read(BLOCK):
                output.write(block)
                advance(len(block))
    if part.stat().st_size < file.size:
        raise HTTPException("the connection ended early")


@contextmanager
def _explained(file: OpenFile, target: Path, part: Path) -> Iterator[None]:
    """Turn what goes wrong on the way into a message that says how to go on."""
    try:
        yield
    except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(error, HTTPError):
            reason = f"{error.code} {error.reason}"
        done = part.stat().st_size if part.is_file() else 0
        kept = f"; {done} of {file.size} bytes are kept, with which the same command goes on"
        raise DataError(
            f"{file.url} cannot be downloaded ({reason}){kept if done else ''}. It can also be "
            f"downloaded on another machine and put here: {target}"
        ) from error
    except OSError as error:
        raise DataError(f"{target} cannot be written: {error.strerror or error}") from error


def _is_intact(path: Path, file: OpenFile) -> bool:
    if path.stat().st_size != file.size:
        return False
    with path.open("rb") as content:
        return hashlib.file_digest(content, "md5").hexdigest() == file.md5


def _is_pointer(path: Path) -> bool:
    """Whether it is what a clone without Git LFS has in place of the file."""
    with path.open("rb") as content:
        return content.read(len(LFS_POINTER)) == LFS_POINTER
