"""Clone a dataset that is a git repository."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from clothseg.commands.dataset.download.sources import Repository
from clothseg.error import DataError
from clothseg.terminal.screen import say

TIMEOUT = 10.0
"""Seconds until the first response of the server, and before a stalled transfer is aborted."""


def clone(repository: Repository, root: Path) -> None:
    """Clone a repository into the folder of a dataset, completely or not at all.

    Raises:
        DataError: the folder has other content, git is missing or fails, or the copy does not match
            the known files; the message states what to do.
    """
    if root.is_dir() and any(root.iterdir()):
        problems = find_differences(repository, root)
        if problems:
            raise DataError(
                f"dataset.root={root} exists and is not a complete copy of {repository.url}: "
                f"{'; '.join(problems)}. Move it away, or choose another folder"
            )
        say(f"{root} is complete")
        return
    root = root.absolute()
    temporary = root.with_name(f".{root.name}.cloning")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        reason = _clone(repository, temporary)
        if reason:
            raise DataError(
                f"{repository.url} cannot be cloned ({reason}); clone it on a machine with network "
                f"access and copy it to {root}"
            )
        problems = find_differences(repository, temporary)
        if problems:
            raise DataError(f"{repository.url} has changed: {'; '.join(problems)}")
        temporary.replace(root)
    except OSError as error:
        raise DataError(f"{root} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    say(f"written to {root}")


def find_differences(repository: Repository, root: Path) -> list[str]:
    """Return the differences between a folder and a complete copy, one description each."""
    problems = []
    for pattern, expected in repository.counts.items():
        count = sum(1 for _ in root.glob(pattern))
        if count != expected:
            problems.append(f"{count} files match {pattern} instead of {expected}")
    checked = root / repository.checked
    if not checked.is_file():
        problems.append(f"{repository.checked} is missing")
    elif hashlib.sha256(checked.read_bytes()).hexdigest() != repository.sha256:
        problems.append(f"{repository.checked} does not have the sha256 {repository.sha256}")
    return problems


def _clone(repository: Repository, folder: Path) -> str:
    """Run git; return the reason of a failure, or an empty string.

    Git never asks for a password and aborts if the server does not respond or stalls.
    """
    stall_limit = ("-c", "http.lowSpeedLimit=1", "-c", f"http.lowSpeedTime={TIMEOUT:.0f}")
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    probe = ["git", "ls-remote", repository.url, "HEAD"]
    command = ["git", *stall_limit, "clone", "--depth", "1", repository.url, str(folder)]
    try:
        response = subprocess.run(
            probe, env=environment, capture_output=True, text=True, timeout=TIMEOUT
        )
        if response.returncode:
            return response.stderr.strip().rpartition("\n")[2]
        status = subprocess.run(command, env=environment).returncode  # shows its own progress
    except FileNotFoundError:
        return "git is not installed"
    except subprocess.TimeoutExpired:
        return f"no response within {TIMEOUT:.0f} seconds"
    return f"git exited with status {status}" if status else ""
