"""Execution of one job: skip finished, resume interrupted and retry failed runs."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Literal

from clothseg.error import ClaimedError, UserError
from clothseg.jobs.ending import Done, Failure, attempt
from clothseg.jobs.machine import Slot
from clothseg.jobs.process import Processes
from clothseg.metric.doubt import doubts
from clothseg.metric.names import PRIMARY, headline
from clothseg.metric.scorecard import overall_scores
from clothseg.metric.selection import validation_score
from clothseg.quick_imports import quick_imports
from clothseg.run.environment import code_version
from clothseg.run.finished import FinishedRun
from clothseg.run.job import Job, missing_results
from clothseg.run.log import log_file
from clothseg.run.member import Member
from clothseg.run.record import Record
from clothseg.terminal.screen import say

Result = Literal["done", "resumed", "skipped", "failed", "interrupted", "elsewhere"]


@dataclass(frozen=True)
class Outcome:
    """Outcome of one job.

    Args:
        name: display name of its configuration.
        result: `resumed` if this command finished it after an earlier interruption, `elsewhere` if
            another process is running it.
        detail: a score, a reason or an error message.
        folder: the run folder; None if the job did not get that far.
        fold: the tested fold; None for a split without folds.
        folds: the number of folds.
        log: path of the file with the traceback of an unexpected error.
        run: the results in the run folder; None if there are none.
    """

    name: str
    result: Result
    detail: str
    folder: str | None = None
    fold: int | None = None
    folds: int | None = None
    log: str | None = None
    run: FinishedRun | None = None

    @property
    def finished(self) -> bool:
        """True if the run folder holds results."""
        return self.result in ("done", "resumed", "skipped")

    @classmethod
    def of(cls, job: Job, result: Result, detail: str, log: str | None = None) -> "Outcome":
        """Create the outcome of a job whose folder is known."""
        return cls(job.name, result, detail, str(job.folder), job.fold, job.folds, log)

    @classmethod
    def of_finished(cls, job: Job, result: Result) -> "Outcome":
        """Create the outcome of a job whose results are in its folder, which it reads.

        Raises:
            DataError: the record is damaged.
        """
        config = {"choices": dict(job.choices), "overrides": job.overrides}
        run = FinishedRun.read(job.folder, config | {"config": dict(job.config.plain)})
        note = _commit_note(run) if result == "skipped" else ""
        return replace(cls.of(job, result, _score(run) + note), run=run)


def previous_outcome(job: Job) -> Outcome | None:
    """Return the outcome of a job that has already finished; None if it still has to run."""
    record = Record(job.folder)
    if not record.is_done(rerun=job.config.rerun):
        return None
    return Outcome.of_finished(job, "skipped")


def complete_outcome(job: Job) -> Outcome | None:
    """Return the outcome of a job for which nothing is left to do; None if something is.

    A damaged record is an outcome, too.
    """
    try:
        previous = previous_outcome(job)
        return None if previous is None or missing_results(job) else previous
    except UserError as error:
        return Outcome.of(job, "failed", str(error))


def run_job(job: Job, execute_job: Callable[[Job], Done | Failure]) -> Outcome:
    """Run one job unless it has already finished; errors inside it become its outcome.

    Args:
        job: the job.
        execute_job: runs the job and returns its ending.
    """
    record = Record(job.folder)
    try:
        # Another command with the same sweep may have finished it in the meantime.
        if complete := complete_outcome(job):
            return complete
        if job.config.rerun and record.is_done():
            say(f"{job.title}  the previous record was moved to {record.set_aside()}")
            # It includes the replaced fold; the end of the sweep writes a new one.
            (record.folder.parent / "summary.json").unlink(missing_ok=True)
        ending = execute_job(job)
        if isinstance(ending, Done):
            return Outcome.of_finished(job, ending.value)
        return _record_failure(job, ending)
    except UserError as error:
        return Outcome.of(job, "failed", str(error))


def run_here(job: Job) -> Done | Failure:
    """Run a job in this process."""
    return attempt(partial(execute, job, Member()))


def run_isolated(job: Job, processes: Processes, slot: Slot) -> Done | Failure:
    """Run a job in separate processes."""
    return processes.run(partial(execute, job), job.world_size, slot)


def execute(job: Job, member: Member) -> Result:
    """Train and test the job's run in one of its processes; return what was done."""
    with quick_imports():
        from clothseg.run.train import run  # imports torch

    return run(job, member)


def _record_failure(job: Job, failure: Failure) -> Outcome:
    """Record a failed attempt, which a killed process cannot do itself."""
    record = Record(job.folder)
    if (record.status or {}).get("state") == "running" and failure.result != "elsewhere":
        # Only if the record is unclaimed: another process may be working on it by now.
        with contextlib.suppress(ClaimedError), record.claimed():
            record.set_state(failure.result, error=failure.detail or None)
    log = None
    if failure.trace is not None:
        job.folder.mkdir(parents=True, exist_ok=True)
        path = log_file(job.folder)
        with path.open("a") as file:
            file.write(failure.trace)
        log = str(path)
    return Outcome.of(job, failure.result, failure.detail, log)


def sweep_score(outcome: Outcome) -> float | None:
    """Return the score of a job that Hydra's sweeper optimizes; None if there is none.

    It is the monitored metric of the validation part at the best epoch: searching for the best test
    score would find one that is too good. A run of an earlier version has only the mean IoU of the
    test part, of which a message warns once.
    """
    if not outcome.finished:
        return None
    metrics = outcome.run.metrics if outcome.run else Record(Path(str(outcome.folder))).metrics
    if "validation" in metrics:
        return validation_score(metrics, metrics["monitor"])
    _warn_of_test_scores()
    score: float | None = metrics["test"]["mean"][PRIMARY.key]
    return score


@cache
def _warn_of_test_scores() -> None:
    say(
        "warning: runs of an earlier version have no validation scores; a sweeper is given their "
        f"{PRIMARY.title} on the test part instead"
    )


def _score(run: FinishedRun) -> str:
    card = run.metrics["test"]
    values = overall_scores(card)
    shown = ((score.heading, values[score.name]) for score in reversed(headline(values)))
    scores = (
        f"{heading} {'-' if value is None else f'{100 * value:.1f}'}" for heading, value in shown
    )
    return "  ".join([*scores, *(f"suspect: {reason}" for reason in doubts(card))])


def _commit_note(run: FinishedRun) -> str:
    made, now = run.environment["commit"], code_version()["commit"]
    return f"  (made by commit {made[:7]})" if made and made != now else ""
