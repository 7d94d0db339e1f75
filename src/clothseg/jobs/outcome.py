"""What becomes of one job: skip what is done, resume what was cut off, retry what failed."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from clothseg.error import ClaimedError, UserError
from clothseg.jobs.ending import Done, Failure, attempt
from clothseg.jobs.machine import Slot
from clothseg.jobs.process import Processes
from clothseg.run.environment import code_version
from clothseg.run.job import Job
from clothseg.run.record import Record
from clothseg.screen import say

Result = Literal["done", "resumed", "skipped", "failed", "interrupted", "elsewhere"]


@dataclass(frozen=True)
class Outcome:
    """What became of one job.

    Args:
        name: what its configuration is called on the screen.
        result: `resumed` is done after having been cut off before, `elsewhere` is being done by
            another process.
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

    @classmethod
    def of(cls, job: Job, result: Result, detail: str, log: str | None = None) -> "Outcome":
        """The outcome of a job whose folder is known."""
        return cls(job.name, result, detail, str(job.folder), job.fold, job.folds, log)


def previous_outcome(job: Job) -> Outcome | None:
    """The outcome of a job that has nothing left to do; None when there is."""
    record = Record(job.folder)
    if not record.is_done(rerun=job.config["rerun"]):
        return None
    return Outcome.of(job, "skipped", _score(record) + _other_commit(record))


def run_job(job: Job, by: Callable[[Job], Done | Failure]) -> Outcome:
    """Do one job, unless it is done already; never raises for what goes wrong inside it.

    Args:
        job: what is to be done.
        by: runs a job that has to be run, and says how that ended.
    """
    record = Record(job.folder)
    try:
        before = previous_outcome(
            job
        )  # by another starter of the same sweep, since this one looked
        if before is not None:
            return before
        if (record.status or {}).get("state") == "done":
            say(f"{job.title}  the earlier record is kept as {record.set_aside()}")
            # It is about a fold that has been replaced; the sweep's end writes it again.
            (record.folder.parent / "summary.json").unlink(missing_ok=True)
        resumed = record.last_checkpoint is not None
        ending = by(job)
        if isinstance(ending, Done):
            return Outcome.of(job, "resumed" if resumed else "done", _score(record))
        return _failed(job, ending)
    except UserError as problem:
        return Outcome.of(job, "failed", str(problem))


def run_here(job: Job) -> Done | Failure:
    """Run a job in this process."""
    return attempt(partial(execute, job, 0))


def run_isolated(job: Job, processes: Processes, slot: Slot) -> Done | Failure:
    """Run a job in processes of its own."""
    return processes.run(partial(execute, job), job.world_size, slot)


def execute(job: Job, rank: int) -> None:
    """What each process of a job does."""
    from clothseg.run.train import run  # imports torch

    run(job, rank)


def _failed(job: Job, failure: Failure) -> Outcome:
    """Record how an attempt failed, which a process that was killed cannot do itself."""
    record = Record(job.folder)
    if (record.status or {}).get("state") == "running" and failure.result != "elsewhere":
        # Only what nobody holds any more: another process may be at work on it by now.
        with contextlib.suppress(ClaimedError), record.claimed():
            record.set_state(failure.result, error=failure.detail or None)
    log = None
    if failure.trace is not None:
        path = job.folder / "log.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(failure.trace)
        log = str(path)
    return Outcome.of(job, failure.result, failure.detail, log)


def _score(record: Record) -> str:
    mean = record.metrics["test"]["mean"]
    return f"IoU {100 * mean['iou']:.1f}  F1 {100 * mean['f1']:.1f}"


def _other_commit(record: Record) -> str:
    made, now = record.environment["commit"], code_version()["commit"]
    return f"  (made by commit {made[:7]})" if made and made != now else ""
