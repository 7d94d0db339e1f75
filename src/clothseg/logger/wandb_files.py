"""Files of W&B runs in a record: what they hold, and sending those that were written offline."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clothseg.error import DataError, first_line
from clothseg.logger.wandb_client import import_wandb
from clothseg.logger.wandb_environment import Account, client_environment
from clothseg.untrusted import parse_json, require_file

SYNC_TIMEOUT = 600.0
"""Seconds that sending the files of one run may take."""
LISTING_TIMEOUT = 60.0
"""Seconds that listing the records of one segment may take; starting the client takes up to 5."""
MAX_SEGMENT_BYTES = 1 << 26
"""Largest segment, 64 MiB; one of 1000 epochs with 60 scores each has 2 MB."""
MAX_STEP = 2**53
"""Largest step that is believed."""
KNOWN_TYPES = frozenset(
    (
        *("header", "run", "environment", "stats", "telemetry", "config", "metric", "summary"),
        *("history", "files", "artifact", "output", "output_raw", "exit", "final", "footer"),
    )
)
"""Records that logging a run writes; others could act on the user's account."""
PATTERN = frozenset("*?[]")


def last_step(folder: Path, identity: str) -> int:
    """Return the last step in the files of a run; 0 if there are none.

    Args:
        folder: the record.
        identity: id of the run.

    Raises:
        DataError: they are damaged.
    """
    steps = [
        _step(record["history"])
        for path in _segments(folder, identity, "*run-*")
        for record in _records(path)
        if record["type"] == "history"
    ]
    return max(steps, default=0)


def _step(history: dict[str, Any]) -> int:
    """Return the step of a record, whose values may be anything; 0 if it has none."""
    item = history.get("item")
    step = item.get("_step") if isinstance(item, dict) else None
    return step if isinstance(step, int) and 0 <= step <= MAX_STEP else 0


def send_offline_files(folder: Path, identity: str, account: Account, default: str) -> None:
    """Send the segments of a run that were written offline and have not been sent yet.

    The client sends whatever files and artifacts a segment names to wherever it says, so a segment
    is refused unless all of that belongs to the record and goes to the account.

    Args:
        folder: the record.
        identity: id of the run.
        account: destination, with an entity.
        default: default entity of the user, which gets what names none.

    Raises:
        DataError: a segment is refused, or could not be sent.
    """
    paths = [
        path
        for path in _segments(folder, identity, "offline-run-*")
        if not path.with_name(f"{path.name}.synced").exists()
    ]
    for path in paths:
        if reason := next(_foreign(path, folder, account, default), None):
            raise DataError(f"{path} was not sent: {reason}")
    if paths:
        _sync(paths, account)


def _segments(folder: Path, identity: str, pattern: str) -> list[Path]:
    return sorted((folder / "wandb").glob(f"{pattern}-{identity}/run-{identity}.wandb"))


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """Read the records of a segment, up to one that is incomplete.

    Raises:
        DataError: it is no file, too large, or cannot be listed.
    """
    require_file(path, MAX_SEGMENT_BYTES)
    import_wandb()  # disables the error reporting of the command below
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(path.resolve())]
    try:
        # A killed segment ends in the middle of a record, which the command reports as an error.
        with client_environment():
            listing = subprocess.run(
                command, capture_output=True, check=False, timeout=LISTING_TIMEOUT
            )
        yield from map(parse_json, listing.stdout.splitlines())
    except subprocess.TimeoutExpired as error:
        raise DataError(
            f"{path} cannot be read: it took longer than {error.timeout:g} s"
        ) from error
    except ValueError as error:
        raise DataError(f"{path} cannot be read: {first_line(error)}") from error


def _foreign(path: Path, folder: Path, account: Account, default: str) -> Iterator[str]:
    """Reasons not to send a segment."""
    for record in _records(path):
        kind = record["type"]
        if kind not in KNOWN_TYPES:
            yield f"it has a record of type {kind!r}, which clothseg does not write"
        elif kind == "files":
            for file in record["files"].get("files", []):
                name = file.get("path", "")
                if PATTERN & set(name) or not _is_within(path.parent / "files" / name, path.parent):
                    yield f"it names a file outside of the run, {name!r}"
        elif kind == "artifact":
            artifact = record["artifact"]
            # The client keeps the place of an artifact, wherever it is told to send the run.
            place = artifact.get("entity") or default, artifact.get("project")
            if place != (account.entity, account.project):
                yield f"it sends tables or weights to {'/'.join(map(str, place))}"
            yield from _foreign_content(artifact, folder)


def _foreign_content(artifact: dict[str, Any], folder: Path) -> Iterator[str]:
    for entry in artifact.get("manifest", {}).get("contents", []):
        if entry.get("ref"):
            yield "an artifact in it refers to another place"
        local = entry.get("local_path", "")
        if local and not _is_within(Path(local), folder):
            yield f"an artifact in it has a file outside of the record, {local!r}"


def _is_within(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (ValueError, RuntimeError):  # a null character; links in a circle
        return False


def _sync(paths: list[Path], account: Account) -> None:
    command = [sys.executable, "-m", "wandb", "sync", "--yes"]
    command += ["--project", str(account.project), "--entity", str(account.entity)]
    runs = [str(path.parent.resolve()) for path in paths]
    try:
        with client_environment(), tempfile.TemporaryDirectory() as logs:
            subprocess.run(
                [*command, *runs],
                cwd=logs,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=True,
                timeout=SYNC_TIMEOUT,
            )
    except (subprocess.SubprocessError, OSError) as error:
        reason = first_line(error)
        if isinstance(error, subprocess.CalledProcessError):
            reason = (error.stderr or reason).strip().splitlines()[-1].removeprefix("wandb: ")
        raise DataError(f"`wandb sync` of {paths[0].parent} failed: {reason}") from error
