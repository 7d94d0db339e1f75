"""One job or many: skip what is done, resume what was cut off, retry what failed, add up the folds.

Every job of a sweep runs in a process of its own, for clean memory and because Lightning's launcher
and Hydra's `-m` cannot share one command line. The processes are forked from a server that has the
libraries loaded. They end with their parent.
"""

import ctypes
import json
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, Literal

from clothseg import build
from clothseg.error import UserError
from clothseg.job import Interrupted, Job
from clothseg.record import Record, code_version, run_folder, write_json
from clothseg.report.progress import console

PR_SET_PDEATHSIG = 1
"""Option of Linux's prctl: the signal that a process gets when its parent ends."""

Result = Literal["done", "resumed", "skipped", "failed", "interrupted"]


@dataclass(frozen=True)
class Outcome:
    """What became of one job.

    Args:
        name: what the job is called on the screen.
        result: `resumed` is done after having been cut off before.
        detail: a score, a reason, or an error.
        folder: the run folder; None when the job did not get that far.
        fold: the fold that was tested; None for a split without folds.
        folds: how many folds there are.
    """

    name: str
    result: Result
    detail: str
    folder: str | None = None
    fold: int | None = None
    folds: int | None = None

    @property
    def finished(self) -> bool:
        """Whether the run folder holds results."""
        return self.result in ("done", "resumed", "skipped")

    def write(self, folder: Path, number: int) -> None:
        """Leave the outcome for the process that reports on all jobs."""
        write_json(folder / f"{number:05}.json", asdict(self))

    @classmethod
    def read(cls, path: Path) -> "Outcome":
        """Read what :meth:`write` left."""
        return cls(**json.loads(path.read_text()))


def do_job(
    name: str,
    config: dict[str, Any],
    choices: Mapping[str, str],
    overrides: list[str],
    apart: bool,
) -> Outcome:
    """Do one job, unless it is done already; never raises for what goes wrong inside it.

    Args:
        name: what the job is called on the screen.
        config: the resolved configuration.
        choices: the chosen option of each group.
        overrides: the command line that made it.
        apart: whether the job gets a process of its own.
    """
    split = config["split"]
    place: dict[str, Any] = {"fold": split.get("fold"), "folds": split.get("folds")}
    try:
        record = Record(run_folder(config, choices, build.build_dataset(config).fingerprint()))
        place["folder"] = str(record.folder)
        state = (record.status or {}).get("state")
        if state == "done" and not config["rerun"]:
            return Outcome(name, "skipped", _score(record) + _other_commit(record), **place)
        if state == "done":
            console.print(
                f"{name}  the earlier record is kept as {record.set_aside()}", markup=False
            )
        job = Job(name, record.folder, config, choices, overrides)
        resumed = record.last_checkpoint is not None
        error = _execute_apart(job) if apart else _execute_here(job)
    except UserError as problem:
        return Outcome(name, "failed", str(problem), **place)
    if error == "interrupted":
        return Outcome(name, "interrupted", "", **place)
    if error is not None:
        return Outcome(name, "failed", error, **place)
    return Outcome(name, "resumed" if resumed else "done", _score(record), **place)


def _score(record: Record) -> str:
    mean = record.metrics["test"]["mean"]
    return f"IoU {100 * mean['iou']:.1f}  F1 {100 * mean['f1']:.1f}"


def _other_commit(record: Record) -> str:
    made, now = record.environment["commit"], code_version()["commit"]
    return f"  (made by commit {made[:7]})" if made and made != now else ""


def _execute_here(job: Job) -> str | None:
    """Run in this process; returns what went wrong."""
    try:
        from clothseg.run import execute  # imports torch

        execute(job)
    except Interrupted:
        return "interrupted"
    except UserError as error:
        return str(error)
    except Exception as error:
        return _failure(job, error)
    return None


def _execute_apart(job: Job) -> str | None:
    """Run in a process of its own; returns what went wrong."""
    receiver, sender = _server().Pipe(duplex=False)
    process = _server().Process(target=_child, args=(job, sender))
    process.start()
    sender.close()
    try:
        error: str | None = receiver.recv()
    except EOFError:
        process.join()
        error = _sudden_end(job, process.exitcode or 0)
    except KeyboardInterrupt:  # the terminal sends it to the child as well, which ends in order
        process.join()
        error = "interrupted"
    process.join()
    return error


def _child(job: Job, sender: Any) -> None:
    """Body of a job's process."""
    _end_with_parent()
    sender.send(_execute_here(job))


def _sudden_end(job: Job, exit_code: int) -> str:
    """Record that a job's process was killed."""
    how = f"signal {signal.Signals(-exit_code).name}" if exit_code < 0 else f"status {exit_code}"
    error = f"the process ended with {how}; too little memory is the usual reason"
    record = Record(job.folder)
    if record.status is not None:
        record.set_state("failed", error=error)
    return error


def _failure(job: Job, error: Exception) -> str:
    """One line about an unexpected error, and where the rest of it is."""
    log = job.folder / "log.txt"
    if not log.is_file():
        log = Path(f"{job.folder}.log")
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(traceback.format_exc())
    first = str(error).strip().splitlines()[0] if str(error).strip() else ""
    return f"{type(error).__name__}: {first} (log: {log})"


@cache
def _server() -> ForkServerContext:
    """Processes forked from a server that has imported what a run needs, once for all jobs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["clothseg.run", "segmentation_models_pytorch", "albumentations"]
    )
    return context


def _end_with_parent() -> None:
    """Have the system end this process when the one that forked it ends, however it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == 1:
            os.kill(os.getpid(), signal.SIGKILL)
