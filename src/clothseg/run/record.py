"""Run folders and their records: configuration, environment, status and metrics of a run.

The path is ``<output>/<dataset>-<labels>/<model>-<backbone>/<signature>/[fold-<k>/]``. The
signature is a hash of everything that can affect the result, so the same experiment always maps to
the same folder.
"""

import contextlib
import math
import os
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from filelock import LeaseSettingsMismatch, SoftFileLease, Timeout

from clothseg.checkpoint import BEST, FOLDER, LAST, PREVIOUS
from clothseg.config.renamed import current_record
from clothseg.error import ClaimedError, ConfigError, DataError
from clothseg.files import remove_temporary_files, write_json, write_text
from clothseg.json_file import Plain, read_json, require_shape
from clothseg.run.content import (
    CHECKSUMS,
    SEALED,
    SPLIT,
    Environment,
    Recorded,
    State,
    Status,
    read_yaml,
    require_unchanged,
    seal,
)
from clothseg.run.environment import environment
from clothseg.run.metrics_file import Metrics
from clothseg.run.signature import fill_missing_keys, signature

if TYPE_CHECKING:
    from filelock import LeaseCompromise

    from clothseg.split import Split

REMEDY = "rerun=true trains the run again and moves the old record aside"

CLAIM_TIMEOUT = 120.0
"""Seconds without a heartbeat after which another machine's claim on a run expires."""
FOREIGN_CLAIM = "is not the claim of a process of this version; delete it if no process is running"
"""Description of a claim that expires after some other time, or never."""


NAME = re.compile(r"(?!\.+$)[\w.+-]+")
"""Name of an option, or of a function of the user's own, as part of a path."""


def run_folder(
    config: Mapping[str, Any],
    choices: Mapping[str, str],
    fingerprint: str,
    world_size: int,
    own_code: Mapping[str, str] | None = None,
) -> Path:
    """Run folder of a configuration; arguments as for :func:`signature`.

    Raises:
        ConfigError: a choice, which a record may be a stranger's, is no name.
    """
    groups = ("dataset", "labels", "model", "backbone")
    if wrong := [group for group in groups if not NAME.fullmatch(str(choices.get(group, "")))]:
        raise ConfigError([f"choices.{group}: is not the name of an option" for group in wrong])
    pair = f"{choices['model']}-{choices['backbone']}"
    folder = Path(config["output"]) / f"{choices['dataset']}-{choices['labels']}" / pair
    folder /= signature(config, fingerprint, world_size, own_code)
    fold = config["split"].get("fold")
    return folder if fold is None else folder / f"fold-{fold}"


def current_content(content: Any, path: Path) -> Plain:
    """Check the content of a `config.yaml`, and convert it to the current names and keys.

    Raises:
        DataError: it has another shape.
    """
    checked = require_shape(content, Recorded, path, "it was not written by a run")
    current = current_record(checked)
    return current | {"config": fill_missing_keys(current["config"])}


class _Dumper(yaml.SafeDumper):
    """Writer of plain YAML without aliases, of which a record may have a few only."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@dataclass(frozen=True)
class Claim:
    """Claim of this process on a run folder.

    Args:
        lock: the acquired lock.
    """

    lock: SoftFileLease

    def require(self) -> None:
        """Fail if the claim has expired, because this process was suspended, and was taken over.

        Raises:
            ClaimedError: another process trains the run.
        """
        owner = self.lock.owner
        if owner is None or owner.token != self.lock.token:
            raise ClaimedError(
                f"{Path(self.lock.lock_file).parent} was taken over by another process, because "
                "this one did not respond; it writes nothing more"
            )


@dataclass(frozen=True)
class Record:
    """Record of one run.

    Args:
        folder: run folder, which need not exist yet.
    """

    folder: Path

    @property
    def status(self) -> Plain | None:
        """State, attempts and error of the run; None if there is no run.

        A damaged file, as left by a full disk or a power failure, counts as an interrupted run.
        """
        path = self.folder / "status.json"
        if not path.is_file():
            return None
        try:
            return read_json(path, Status, REMEDY)
        except DataError:
            return {"state": "interrupted", "attempts": 1, "error": f"{path} is damaged"}

    @property
    def metrics(self) -> Plain:
        """Scores and measurements of a finished run.

        Raises:
            DataError: the file is damaged, or has changed since the run ended.
        """
        require_unchanged(self.folder, "metrics.json")
        return read_json(self.folder / "metrics.json", Metrics, REMEDY)

    @property
    def split(self) -> "Split":
        """Frozen split of the run.

        Raises:
            DataError: the file is missing or damaged, or has changed since the run ended.
        """
        from clothseg.split import Split  # its libraries take a while to import

        require_unchanged(self.folder, SPLIT)
        return Split.read(self.folder / SPLIT)

    @property
    def environment(self) -> Plain:
        """Versions, commit and machine of the latest attempt.

        Raises:
            DataError: the file is damaged, or has changed since the run ended.
        """
        require_unchanged(self.folder, "environment.json")
        return read_json(self.folder / "environment.json", Environment, REMEDY)

    @property
    def config(self) -> Plain:
        """Recorded configuration: `choices`, `overrides` and the resolved `config`.

        Keys introduced later have the values that reproduce the behavior at the time of the run.

        Raises:
            ConfigError: the folder contains no run.
            DataError: its file is damaged, or has changed since the run ended.
        """
        path = self.folder / "config.yaml"
        if not path.is_file():
            folds = sorted(str(file.parent) for file in self.folder.glob("fold-*/config.yaml"))
            hint = f"; use the run folder of a fold: {', '.join(folds)}" if folds else ""
            raise ConfigError([f"{self.folder} is not a run folder: no config.yaml in it{hint}"])
        require_unchanged(self.folder, path.name)
        return current_content(read_yaml(path), path)

    def is_done(self, rerun: bool = False) -> bool:
        """True if the run is done and no `rerun` is requested."""
        return not rerun and (self.status or {}).get("state") == "done"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.folder / FOLDER

    @property
    def is_resumable(self) -> bool:
        """True if there is a checkpoint to resume from, intact or not."""
        return any((self.checkpoints / name).is_file() for name in (LAST, PREVIOUS))

    @property
    def best_checkpoint(self) -> Path:
        """Weights of the best epoch."""
        return self.checkpoints / BEST

    def delete_last_checkpoints(self) -> None:
        """Delete the state to resume from, which is most of a finished record."""
        for name in (LAST, PREVIOUS):
            (self.checkpoints / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def claimed(self, wait: float = 0) -> "Iterator[Claim]":
        """Lock the folder for this process, also against other machines on a shared file system.

        The claim is renewed while the process is alive. It is released immediately if a process of
        this machine has died, and after :data:`CLAIM_TIMEOUT` seconds without a heartbeat from
        another machine.

        Args:
            wait: seconds to wait for the lock; infinity waits indefinitely.

        Raises:
            ClaimedError: another process holds the lock.
            DataError: the folder is not writable.
        """
        lock = SoftFileLease(
            self.folder / ".claim", lease_duration=CLAIM_TIMEOUT, on_compromise=_stop_this_process
        )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=-1 if math.isinf(wait) else wait, poll_interval=1)
        except Timeout:
            raise ClaimedError(f"{self.folder} is being trained by another process") from None
        except OSError as error:
            raise DataError(f"{self.folder} cannot be written: {error.strerror}") from error
        except LeaseSettingsMismatch as error:
            raise DataError(f"{lock.lock_file} {FOREIGN_CLAIM}") from error
        try:
            yield Claim(lock)
        finally:
            lock.release()

    def begin(
        self,
        config: Plain,
        choices: Mapping[str, str],
        overrides: list[str],
        device: str,
        code: Mapping[str, Any] | None = None,
        own_code: Mapping[str, str] | None = None,
        fingerprint: str = "",
    ) -> int:
        """Create or reopen the folder for an attempt; return the attempt number, from 1."""
        attempts: int = (self.status or {}).get("attempts", 0) + 1
        (self.folder / "figures").mkdir(parents=True, exist_ok=True)
        remove_temporary_files(self.folder)
        (self.folder / CHECKSUMS).unlink(missing_ok=True)
        content = {"choices": dict(choices), "overrides": overrides, "config": config}
        write_text(self.folder / "config.yaml", yaml.dump(content, Dumper=_Dumper, sort_keys=False))
        versions = environment(code) | {"own_code": dict(own_code or {}), "device": device}
        versions["dataset_fingerprint"] = fingerprint
        write_json(self.folder / "environment.json", versions)
        self.set_state("running", attempts=attempts)
        return attempts

    def end(self, suspect: Sequence[str]) -> None:
        """Write the checksums of all files that have results, and mark the run as done.

        Args:
            suspect: reasons to doubt its scores.
        """
        found = [path for pattern in SEALED for path in sorted(self.folder.glob(pattern))]
        seal(self.folder, found)
        self.set_state("done", suspect=suspect)

    def set_state(
        self,
        state: State,
        error: str | None = None,
        attempts: int | None = None,
        suspect: Sequence[str] = (),
    ) -> None:
        """Write the state of the run."""
        if attempts is None:
            attempts = (self.status or {}).get("attempts", 1)
        status = {"state": state, "attempts": attempts, "error": error}
        if suspect:
            status["suspect"] = list(suspect)
        write_json(self.folder / "status.json", status)

    def set_aside(self) -> Path:
        """Rename the folder to make room for a new run; return the new path."""
        number = 1
        while (aside := self.folder.with_name(f"{self.folder.name}.replaced-{number}")).exists():
            number += 1
        try:
            return self.folder.rename(aside)
        except FileNotFoundError:
            raise ClaimedError(f"{self.folder} was moved by another process") from None


def _stop_this_process(loss: "LeaseCompromise") -> None:
    """Shut down cleanly: this process was unresponsive, and another one has claimed its run."""
    os.kill(os.getpid(), signal.SIGINT)
