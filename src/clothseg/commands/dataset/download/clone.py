"""Clones a dataset that is a git repository."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from clothseg.commands.dataset.download.places import Repository
from clothseg.error import DataError
from clothseg.screen import say

PATIENCE = 10.0
"""Seconds that the server has for its first answer, and that a transfer may stand still."""


def clone(repository: Repository, root: Path) -> None:
    """Clone a repository into a dataset's folder, whole or not at all.

    Raises:
        DataError: the folder holds something else, git is missing or fails, or the copy is not
            what it is known to be; says what to do.
    """
    if root.is_dir() and any(root.iterdir()):
        problems = differences(repository, root)
        if problems:
            raise DataError(
                f"dataset.root={root} is there and is no complete copy of {repository.url}: "
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
                f"{repository.url} cannot be cloned ({reason}); clone it on a machine with a "
                f"network and copy it here: {root}"
            )
        problems = differences(repository, temporary)
        if problems:
            raise DataError(f"{repository.url} has changed: {'; '.join(problems)}")
        temporary.replace(root)
    except OSError as error:
        raise DataError(f"{root} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    say(f"written to {root}")


def differences(repository: Repository, root: Path) -> list[str]:
    """What a folder lacks to be a complete copy, one sentence each."""
    problems = []
    for pattern, expected in repository.counts.items():
        found = sum(1 for _ in root.glob(pattern))
        if found != expected:
            problems.append(f"{found} files {pattern} instead of {expected}")
    checked = root / repository.checked
    if not checked.is_file():
        problems.append(f"no {repository.checked}")
    elif hashlib.sha256(checked.read_bytes()).hexdigest() != repository.sha256:
        problems.append(f"{repository.checked} has not the sha256 {repository.sha256}")
    return problems


def _clone(repository: Repository, folder: Path) -> str:
    """Run git; returns why it failed, and nothing when it did not.

    It asks for no password and gives up on a server that does not answer or stands still.
    """
    stalled = ("-c", "http.lowSpeedLimit=1", "-c", f"http.lowSpeedTime={PATIENCE:.0f}")
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    first_answer = ["git", "ls-remote", repository.url, "HEAD"]
    whole = ["git", *stalled, "clone", "--depth", "1", repository.url, str(folder)]
    try:
        asked = subprocess.run(
            first_answer, env=environment, capture_output=True, text=True, timeout=PATIENCE
        )
        if asked.returncode:
            return asked.stderr.strip().rpartition("\n")[2]
        status = subprocess.run(whole, env=environment).returncode  # shows its own progress
    except FileNotFoundError:
        return "git is not installed"
    except subprocess.TimeoutExpired:
        return f"no answer within {PATIENCE:.0f} seconds"
    return f"git ended with status {status}" if status else ""
