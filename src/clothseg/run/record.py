"""The run folder: where a run is kept, what makes it that run, and what is written into it.

``<output>/<dataset>-<labels>/<model>-<backbone>/<signature>/[fold-<k>/]``. The signature is a hash
of all that can change the result, so the same experiment always finds itself again.
"""

import contextlib
import json
import math
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from filelock import SoftFileLease, Timeout

from clothseg.config.renamed import current_record
from clothseg.error import ClaimedError, ConfigError, DataError
from clothseg.files import write_json, write_text
from clothseg.run.environment import environment
from clothseg.run.signature import completed, signature

if TYPE_CHECKING:
    from filelock import LeaseCompromise

Plain = dict[str, Any]
State = Literal["running", "done", "failed", "interrupted"]

CLAIM = 120.0
"""Seconds without a sign of life after which another machine's claim on a run has lapsed."""


def run_folder(
    config: Mapping[str, Any], choices: Mapping[str, str], fingerprint: str, world_size: int
) -> Path:
    """Where the run of a configuration is kept; arguments as of :func:`signature`."""
    pair = f"{choices['model']}-{choices['backbone']}"
    folder = Path(config["output"]) / f"{choices['dataset']}-{choices['labels']}" / pair
    folder /= signature(config, fingerprint, world_size)
    fold = config["split"].get("fold")
    return folder if fold is None else folder / f"fold-{fold}"


@dataclass(frozen=True)
class Record:
    """One run folder.

    Args:
        folder: where it is, or will be.
    """

    folder: Path

    @property
    def status(self) -> Plain | None:
        """State, attempts and error of the run; None when there is none.

        A damaged file, as a full disk or a power cut leaves it, is that of a run that was cut off.
        """
        path = self.folder / "status.json"
        try:
            return _read_json(path) if path.is_file() else None
        except DataError:
            return {"state": "interrupted", "attempts": 1, "error": f"{path} is damaged"}

    @property
    def metrics(self) -> Plain:
        """Scores per subset and measurements of a finished run.

        Raises:
            DataError: the file is damaged.
        """
        return _read_json(self.folder / "metrics.json")

    @property
    def environment(self) -> Plain:
        """Versions, commit and machine of the latest attempt.

        Raises:
            DataError: the file is damaged.
        """
        return _read_json(self.folder / "environment.json")

    @property
    def config(self) -> Plain:
        """The recorded configuration: `choices`, `overrides` and the resolved `config`.

        Keys that came later have the values that mean what was done then.

        Raises:
            ConfigError: the folder holds no run, or its file is not what :meth:`begin` writes.
        """
        path = self.folder / "config.yaml"
        if not path.is_file():
            folds = sorted(str(each.parent) for each in self.folder.glob("fold-*/config.yaml"))
            which = f"; the runs of its folds are {', '.join(folds)}" if folds else ""
            raise ConfigError([f"{self.folder} is no run folder: it has no config.yaml{which}"])
        try:
            content = yaml.safe_load(path.read_text())
        except yaml.YAMLError as error:
            raise ConfigError([f"{path} is not YAML: {error}"]) from error
        parts = {"choices": dict, "overrides": list, "config": dict}
        if not isinstance(content, dict) or any(
            not isinstance(content.get(part), kind) for part, kind in parts.items()
        ):
            raise ConfigError([f"{path} is no record: it needs {', '.join(parts)}"])
        current = current_record(content)
        return current | {"config": completed(current["config"])}

    def is_done(self, rerun: bool = False) -> bool:
        """Whether nothing is left to do: the run is done, and no `rerun` of it is asked for."""
        return not rerun and (self.status or {}).get("state") == "done"

    @property
    def last_checkpoint(self) -> Path | None:
        """Where a run that was cut off goes on; None when it starts from the beginning."""
        path = self.folder / "checkpoints" / "last.ckpt"
        return path if path.is_file() else None

    @property
    def best_checkpoint(self) -> Path:
        """Weights of the best epoch."""
        return self.folder / "checkpoints" / "best.ckpt"

    @contextlib.contextmanager
    def claimed(self, wait: float = 0) -> Iterator[None]:
        """Hold the folder for one process, also against other machines that share the disk.

        The claim is renewed while the process lives. It falls at once when a process of this
        machine has ended, and after :data:`CLAIM` seconds without a sign from another machine.

        Args:
            wait: seconds until the folder has to be free; infinity waits as long as it takes.

        Raises:
            ClaimedError: another process holds it.
            DataError: it cannot be written.
        """
        lock = SoftFileLease(
            self.folder / ".claim", lease_duration=CLAIM, on_compromise=_stop_this_process
        )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=-1 if math.isinf(wait) else wait, poll_interval=1)
        except Timeout:
            raise ClaimedError(f"{self.folder} is being trained by another process") from None
        except OSError as error:
            raise DataError(f"{self.folder} cannot be written: {error.strerror}") from error
        try:
            yield
        finally:
            lock.release()

    def begin(
        self, config: Plain, choices: Mapping[str, str], overrides: list[str], device: str
    ) -> int:
        """Create or reopen the folder for an attempt; returns its number, counted from 1."""
        attempts = (self.status or {}).get("attempts", 0) + 1
        (self.folder / "figures").mkdir(parents=True, exist_ok=True)
        content = {"choices": dict(choices), "overrides": overrides, "config": config}
        write_text(self.folder / "config.yaml", yaml.safe_dump(content, sort_keys=False))
        write_json(self.folder / "environment.json", environment() | {"device": device})
        self.set_state("running", attempts=attempts)
        return attempts

    def set_state(
        self, state: State, error: str | None = None, attempts: int | None = None
    ) -> None:
        """Write what became of the run."""
        if attempts is None:
            attempts = (self.status or {}).get("attempts", 1)
        status = {"state": state, "attempts": attempts, "error": error}
        write_json(self.folder / "status.json", status)

    def set_aside(self) -> Path:
        """Rename the folder, so that a new run can take its place; returns the new name."""
        number = 1
        while (aside := self.folder.with_name(f"{self.folder.name}.replaced-{number}")).exists():
            number += 1
        return self.folder.rename(aside)


def _read_json(path: Path) -> Plain:
    try:
        content: Plain = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is missing or damaged ({error}); rerun=true trains the run again and keeps "
            "what is there aside"
        ) from error
    return content


def _stop_this_process(loss: "LeaseCompromise") -> None:
    """End in order: another process has taken over what this one, long out of reach, was doing."""
    os.kill(os.getpid(), signal.SIGINT)
