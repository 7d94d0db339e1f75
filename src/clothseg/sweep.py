"""One job or many: skip what is done, resume what was cut off, retry what failed, add up the folds.

Every job of a sweep runs in a process of its own, for clean memory and because Lightning's launcher
and Hydra's `-m` cannot share one command line. The processes are forked from a server that has the
libraries loaded. They end with their parent.
"""

import json
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from clothseg import build
from clothseg.error import UserError
from clothseg.job import Job
from clothseg.record import Record, code_version, run_folder, write_json
from clothseg.report.progress import console

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
        log: where the traceback of an unexpected error is.
    """

    name: str
    result: Result
    detail: str
    folder: str | None = None
    fold: int | None = None
    folds: int | None = None
    log: str | None = None

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
            kept = f"{name}  the earlier record is kept as {record.set_aside()}"
            console.print(kept, soft_wrap=True, markup=False)
            # It is about a fold that has been replaced; the sweep's end writes it again.
            (record.folder.parent / "summary.json").unlink(missing_ok=True)
        title = name if place["fold"] is None else f"{name} fold {place['fold']}"
        job = Job(title, record.folder, config, choices, overrides)
        resumed = record.last_checkpoint is not None
        failure = _execute_apart(job) if apart else _execute_here(job)
    except UserError as problem:
        return Outcome(name, "failed", str(problem), **place)
    if failure is not None:
        return Outcome(name, failure.result, failure.detail, log=failure.log, **place)
    return Outcome(name, "resumed" if resumed else "done", _score(record), **place)


def _score(record: Record) -> str:
    mean = record.metrics["test"]["mean"]
    return f"IoU {100 * mean['iou']:.1f}  F1 {100 * mean['f1']:.1f}"


def _other_commit(record: Record) -> str:
    made, now = record.environment["commit"], code_version()["commit"]
    return f"  (made by commit {made[:7]})" if made and made != now else ""


@dataclass(frozen=True)
class _Failure:
    """Why a run did not come to its end; the fields are those of :class:`Outcome`."""

    result: Literal["failed", "interrupted"]
    detail: str = ""
    log: str | None = None


def _execute_here(job: Job) -> _Failure | None:
    """Run in this process; returns what went wrong."""
    try:
        from clothseg.run import execute  # imports torch

        execute(job)
    except KeyboardInterrupt:
        return _Failure("interrupted")
    except UserError as error:
        return _Failure("failed", str(error))
    except Exception as error:
        return _unexpected(job, error)
    return None


def _execute_apart(job: Job) -> _Failure | None:
    """Run in a process of its own; returns what went wrong."""
    receiver, sender = _server().Pipe(duplex=False)
    process = _server().Process(target=_child, args=(job, sender))
    process.start()
    sender.close()
    try:
        failure: _Failure | None = receiver.recv()
    except EOFError:
        process.join()
        failure = _sudden_end(job, process.exitcode or 0)
    except KeyboardInterrupt:  # which need not have reached the child
        process.terminate()
        failure = _Failure("interrupted")
    process.join()
    return failure


def _child(job: Job, sender: Any) -> None:
    """Body of a job's process."""
    _end_with_parent()
    _stop_once()
    sender.send(_execute_here(job))


def _stop_once() -> None:
    """Have the first SIGINT or SIGTERM raise KeyboardInterrupt, and later ones not disturb the end.

    Ctrl-C in a terminal sends the first, and the parent that heard it as well sends the second.
    """
    stopped = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            # Lightning puts a handler before this one that logs, while the end is being logged.
            signal.signal(signal.SIGTERM, stop)
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


def _sudden_end(job: Job, exit_code: int) -> _Failure:
    """Record that a job's process was killed."""
    how = f"signal {signal.Signals(-exit_code).name}" if exit_code < 0 else f"status {exit_code}"
    error = f"the process ended with {how}; too little memory is the usual reason"
    record = Record(job.folder)
    if record.status is not None:
        record.set_state("failed", error=error)
    return _Failure("failed", error)


def _unexpected(job: Job, error: Exception) -> _Failure:
    """The first line of an unexpected error; its traceback goes to the run's log."""
    log = job.folder / "log.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file:
        file.write(traceback.format_exc())
    first = next(iter(str(error).strip().splitlines()), "")
    return _Failure("failed", f"{type(error).__name__}: {first}", str(log))


@cache
def _server() -> ForkServerContext:
    """Processes forked from a server that has imported what a run needs, once for all jobs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["clothseg.run", "segmentation_models_pytorch", "albumentations"]
    )
    return context


def _end_with_parent() -> None:
    """Have this process end when the one that started it ends, however it ends."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
