"""Trials of a search, from the command line to the last one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from clothseg.config.search_space import Dimension, Range, search_space
from clothseg.error import ConfigError, DataError, UserError
from clothseg.files import locked
from clothseg.jobs.search.claims import Claims
from clothseg.jobs.search.identity import search_folder
from clothseg.jobs.search.listing import list_trials
from clothseg.jobs.search.result import SearchResult
from clothseg.jobs.search.study import Ending, Study
from clothseg.jobs.summary import report_config
from clothseg.jobs.sweep import Sweep, SweepEnded
from clothseg.metric.names import MONITORS
from clothseg.metric.selection import mean_score
from clothseg.run.job import Job
from clothseg.run.record import Record
from clothseg.terminal.screen import say

LOCK = "study"
"""Name of the lock under which trials are begun."""
ADVICE = "choose another folder with output=<folder>"
"""Remedy for a folder that cannot be written."""


class Sweeper(Protocol):
    """Settings of a search, an option of `conf/hydra/sweeper`."""

    trials: int
    """Number of trials of the whole search."""
    parallel: int | None
    """Number of trials that run side by side; None for one per GPU."""

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that decide which trials are chosen."""

    def open_study(self, folder: Path, space: Sequence[Dimension], maximize: bool) -> Study:
        """Create the study of a search, or open that of an earlier start."""


def run_search(sweep: Sweep, arguments: Sequence[str], sweeper: Sweeper) -> None:
    """Run the trials of a search that have not ended; `sweep.search` gets their result.

    Args:
        sweep: plans and runs jobs.
        arguments: overrides of the command, those with several values included.
        sweeper: settings of the search.

    Raises:
        SweepEnded: it ended early: by an error, which is `sweep.error`, or by Ctrl-C.
    """
    try:
        search = _open(sweep, arguments, sweeper)
        sweep.search = search.result
        search.run()
    except UserError as error:
        sweep.error = error
        raise SweepEnded from error
    except KeyboardInterrupt as interruption:
        if sweep.search is None:
            raise
        sweep.search.interrupted = True
        raise SweepEnded from interruption


def _open(sweep: Sweep, arguments: Sequence[str], sweeper: Sweeper) -> "Search":
    """Find the folder of a search, and open its study."""
    space, constant = search_space(arguments)
    first = sweep.plan([*constant, *(f"{part.key}={part.bounds[0]}" for part in space)])
    folder = search_folder(first, space, constant, sweeper.settings)
    for part in space:
        if isinstance(part, Range) and part.is_lopsided:
            tenth = part.text(0.9 * part.low + 0.1 * part.high)
            text = "tag(log,interval(…)) spreads them over all magnitudes"
            say(f"{part.key}: 90 % of the draws from this range lie above {tenth}; {text}")
    monitor = first[0].config.monitor
    with locked(folder / LOCK, ADVICE):
        study = sweeper.open_study(folder, space, MONITORS[monitor].higher_is_better)
    parallel = sweeper.parallel or max(1, len(sweep.launcher.machine.gpus) // first[0].world_size)
    total = int(min(sweeper.trials, study.capacity))
    result = SearchResult(folder, study, total, constant, sweep, monitor)
    return Search(sweep, arguments, study, result, parallel, Claims(folder))


@dataclass
class Search:
    """Trials that this process runs.

    Args:
        sweep: plans and runs jobs.
        arguments: overrides of the command.
        study: the trials, and what chooses them.
        result: where the trials are summarized.
        parallel: number of trials that run side by side.
        claims: claims of this process on trials.
    """

    sweep: Sweep
    arguments: Sequence[str]
    study: Study
    result: SearchResult
    parallel: int
    claims: Claims
    _jobs: dict[int, list[Job]] = field(default_factory=dict)

    def run(self) -> None:
        """Run trials until all have ended, those of other processes included."""
        ended = self.study.size() - len(self.study.unfinished())
        before = f", of which {ended} have ended" if ended else ""
        say(f"search of {self.result.total} trials{before}: {self.result.folder}")
        active: list[int] = []
        try:
            while active := [*active, *self._take(self.parallel - len(active))] or self._wait():
                self._run_folds(active)
                active = [number for number in active if not self._settle(number)]
        finally:
            self.claims.release_all()

    def _take(self, room: int) -> list[int]:
        """Claim trials that have begun and that no process runs, then begin further ones."""
        taken: list[int] = []
        with locked(self.result.folder / LOCK, ADVICE):
            for number in self.study.unfinished():
                if len(taken) < room and number not in self._jobs and self.claims.take(number):
                    taken.append(number)
            while len(taken) < room and self.study.size() < self.result.total:
                number = self.study.begin()
                if self.claims.take(number):
                    taken.append(number)
        return [number for number in taken if self._plan(number)]

    def _wait(self) -> list[int]:
        """Wait for a trial of another process, which may leave it unfinished; empty if none is."""
        for number in self.study.unfinished():
            if not self.claims.take(number):
                say(f"trial {number}  another process runs it; waiting")
                self.claims.take(number, math.inf)
            if number in self.study.unfinished() and self._plan(number):
                return [number]
            self.claims.release(number)
        return []

    def _plan(self, number: int) -> bool:
        """Plan the folds of a trial; return False if it failed, because its values do not fit."""
        trial = self.study.trial(number)
        say(f"trial {number}  {' '.join(trial.overrides)}")
        try:
            self._jobs[number] = self.sweep.plan([*self.result.constant, *trial.overrides])
        except ConfigError as error:
            self._end(number, "failed", "; ".join(error.problems))
            return False
        self._list()
        return True

    def _list(self) -> None:
        result = self.result
        with locked(result.folder / LOCK, ADVICE):
            list_trials(result.folder, self.arguments, result.total, self.study, self._jobs)

    def _run_folds(self, active: Sequence[int]) -> None:
        """Run the next fold of each trial, or all of its folds if none of them could end it."""
        chosen = []
        for number in active:
            remaining = [job for job in self._jobs[number] if job.folder not in self.sweep.outcomes]
            chosen += remaining[:1] if self.study.prunes else remaining
        self.sweep.run_jobs(chosen)

    def _settle(self, number: int) -> bool:
        """End a trial if its last fold finished, one failed, or it is hopeless; say if so.

        Raises:
            KeyboardInterrupt: a fold was interrupted.
        """
        jobs = self._jobs[number]
        outcomes = [
            self.sweep.outcomes[job.folder] for job in jobs if job.folder in self.sweep.outcomes
        ]
        for job, outcome in zip(jobs, outcomes, strict=False):
            if outcome.result == "interrupted":
                raise KeyboardInterrupt
            if outcome.result == "elsewhere":  # it has not ended there in time; ask again
                del self.sweep.outcomes[job.folder]
                return False
            if outcome.result == "failed":
                log = f" (log: {outcome.log})" if outcome.log else ""
                return self._end(number, "failed", outcome.detail + log)
        complete = len(outcomes) == len(jobs)
        try:
            scores = [_validation_score(job) for job in jobs[: len(outcomes)]]
            if complete:
                report_config(jobs[0].configuration_folder, outcomes, jobs[0].config, False)
        except DataError as error:
            return self._end(number, "failed", str(error))
        self.study.report(number, scores)
        if complete:
            return self._end(number, "complete")
        return self.study.is_hopeless(number) and self._end(number, "pruned")

    def _end(self, number: int, ending: Ending, reason: str | None = None) -> Literal[True]:
        """End a trial, and save what is known by now."""
        self.study.end(number, ending, reason)
        self.claims.release(number)
        self._list()
        self.result.save()
        say(self.result.line(self.study.trial(number)))
        return True


def _validation_score(job: Job) -> float:
    """Return the monitored validation score of a fold.

    Raises:
        DataError: it has none.
    """
    score = mean_score([Record(job.folder).metrics])
    if score is None:
        raise DataError(
            f"{job.title} has no {job.config.monitor}: it is undefined, or the record was written "
            "by an earlier version"
        )
    return score
