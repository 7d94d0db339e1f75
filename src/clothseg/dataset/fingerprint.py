"""Hashes of the files of a dataset: of their content, and of their state on this machine."""

import errno
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from clothseg.threads import map_in_order

EDGE_BYTES = 1 << 16
"""Bytes read from each end of a file for the fingerprint; smaller files are read in full."""

FILES_PER_TASK = 16
"""Files that a thread reads at once for the fingerprint; switching threads costs more than one."""


def content_hash(root: Path, names: Sequence[str], paths: Iterable[str]) -> str:
    """Hash relative path, size and both ends of each file; not the location.

    A file that occurs several times, with the labels of several samples, is hashed in full.

    Args:
        root: folder of the dataset.
        names: its source names.
        paths: the files of each sample.
    """
    digest = hashlib.blake2b(repr(list(names)).encode(), digest_size=16)
    files = list(Counter(paths).items())
    parts = [files[n : n + FILES_PER_TASK] for n in range(0, len(files), FILES_PER_TASK)]
    with map_in_order(partial(_hashed_content, root), parts, ahead=1) as contents:
        for content in contents:
            digest.update(content)
    return digest.hexdigest()


def file_states(paths: Iterable[str]) -> Iterator[str]:
    """Yield location, size and modification time of each file, once however often it is named.

    Size and time of a symbolic link are those of its target. Links in the path of a folder are
    resolved, once per folder, because that takes ten times as long as the size and the time.
    """
    folders: dict[str, str] = {}
    for path in dict.fromkeys(paths):
        folder, _, name = path.rpartition(os.sep)
        if folder not in folders:
            folders[folder] = os.path.realpath(os.path.dirname(path))
        try:
            state = os.stat(path)
        except OSError as error:  # a defect of the sample, reported when it is read
            yield f"{folders[folder]}/{name}:{error.errno}"
        else:
            yield f"{folders[folder]}/{name}:{state.st_size}:{state.st_mtime_ns}"


def _hashed_content(root: Path, files: Sequence[tuple[str, int]]) -> bytes:
    """Read what the fingerprint hashes of some files.

    Args:
        root: folder of the dataset.
        files: paths, with the number of samples that each one belongs to.
    """
    prefix = f"{root}{os.sep}"
    content = []
    for path, count in files:
        if path.startswith(prefix):
            content.append(os.fsencode(path.removeprefix(prefix)))
        else:  # the root is `.` or `/`
            content.append(os.fsencode(Path(path).relative_to(root)))
        try:
            state = os.stat(path)
            size = state.st_size
            content.append(f":{size}".encode())
            if not (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode)):
                raise OSError(errno.ESPIPE, "a pipe or a device has no end")
            content.append(_read_edges(path, size) if count == 1 else _hash_file(path))
        except OSError as error:  # a defect of the sample, reported when it is read
            content.append(repr(error.errno).encode())
    return b"".join(content)


def _read_edges(path: str, size: int) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        head = os.pread(file, EDGE_BYTES, 0)
        tail = os.pread(file, EDGE_BYTES, max(EDGE_BYTES, size - EDGE_BYTES))
        return head + tail
    finally:
        os.close(file)


def _hash_file(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()
