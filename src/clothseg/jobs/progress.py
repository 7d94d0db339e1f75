"""Progress of a sweep: how many of its jobs are done, and how long the others will take."""

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from clothseg.jobs.outcome import Outcome, Result
from clothseg.run.job import Job
from clothseg.terminal.screen import headline


@dataclass
class SweepProgress:
    """Counts of the jobs of a sweep; its methods may be called by several threads.

    Args:
        total: number of jobs.
        parallel: number of jobs that run at the same time.
        clock: current time in seconds.
    """

    total: int
    parallel: int = 1
    clock: Callable[[], float] = time.monotonic
    _begun: dict[Path, float] = field(default_factory=dict)
    _ended: dict[Path, Result] = field(default_factory=dict)
    _seconds: list[float] = field(default_factory=list)

    def begin(self, job: Job) -> None:
        """Count a job as running."""
        self._begun[job.folder] = self.clock()

    def end(self, job: Job, outcome: Outcome) -> None:
        """Count a job as ended, unless another command runs it."""
        begun = self._begun.pop(job.folder, None)
        if outcome.result == "elsewhere":
            return
        if begun is not None and outcome.result in ("done", "resumed"):
            self._seconds.append(self.clock() - begun)
        self._ended[job.folder] = outcome.result
        headline(self.text, is_news=True)

    def text(self) -> str:
        """Describe the progress: `7 of 20 done, 1 failed, 12 min left`."""
        results = list(self._ended.values())
        failed = results.count("failed")
        done = len(results) - failed - results.count("interrupted")
        left = self.seconds_left()
        parts = [f"{done} of {self.total} done"]
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{time_text(left)} left"] if left > 0 else []
        return ", ".join(parts)

    def seconds_left(self) -> float:
        """Estimate the time until the end by the jobs that have ended; NaN before the first."""
        if not self._seconds:
            return math.nan
        now, mean = self.clock(), sum(self._seconds) / len(self._seconds)
        running = [max(0.0, mean - (now - begun)) for begun in list(self._begun.values())]
        waiting = max(0, self.total - len(self._ended) - len(running))
        return time_left(running, waiting, mean, self.parallel)


def time_left(running: Sequence[float], waiting: int, mean: float, parallel: int) -> float:
    """Estimate the time until all jobs have ended.

    Args:
        running: seconds that each running job still needs.
        waiting: number of jobs that have not begun.
        mean: mean duration of a job in seconds.
        parallel: number of jobs that run at the same time.
    """
    jobs = len(running) + waiting
    work = sum(running) + (waiting * mean if waiting else 0.0)
    return max([work / max(1, min(parallel, jobs)), *running])


def time_text(seconds: float) -> str:
    """Describe a duration: `40 s`, `12 min` or `3.5 h`."""
    if seconds < 60:
        return f"{math.ceil(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


@contextmanager
def following(jobs: Collection[Job]) -> Iterator[SweepProgress]:
    """Show the progress of several jobs below everything else while they run."""
    progress = SweepProgress(len(jobs))
    if len(jobs) > 1:
        headline(progress.text)
    try:
        yield progress
    finally:
        headline(None)
