"""Callback that writes the epochs of a run to its folder and to its trackers.

The run is isolated from failures of trackers, but not from those of its own folder.
"""

from collections.abc import Callable, Sequence
from types import TracebackType

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from clothseg import build
from clothseg.callbacks.history import History
from clothseg.error import ClaimedError, first_line
from clothseg.logger.tracker import End, Results, Subject, Tracker
from clothseg.run.folders import group_name
from clothseg.run.job import Job
from clothseg.run.tables import write_history

Say = Callable[[str], None]


class Tracking(Callback):
    """Reports one run to `history.csv` and to all trackers, on rank 0 only.

    Tracking begins with the training. It ends on exit of the context manager, which reveals how
    the run ended.

    Args:
        trackers: trackers in the order in which they are notified.
        subject: the run.
        history: history of the epochs; its callback must run before this one.
        say: function that prints and logs a line.
        require_claim: called before anything of an epoch is written; raises if the run folder
            belongs to another process by now.
    """

    def __init__(
        self,
        trackers: Sequence[Tracker],
        subject: Subject,
        history: History,
        say: Say,
        require_claim: Callable[[], None] | None = None,
    ) -> None:
        self.require_claim = require_claim
        self.trackers, self.subject, self.history, self.say = trackers, subject, history, say
        self._begun: list[Tracker] = []
        self._failed: set[str] = set()

    def __enter__(self) -> "Tracking":
        """Return self; the trackers begin with the training."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all active trackers."""
        stopped = isinstance(error, KeyboardInterrupt | ClaimedError)
        end: End = "done" if error is None else "interrupted" if stopped else "failed"
        for tracker in self._begun:
            try:
                tracker.close(end)
            except Exception as problem:
                self._warn(tracker, problem, "all results are in the run folder")

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin tracking, and report the earlier epochs of a resumed run."""
        if not trainer.is_global_zero:
            return
        for tracker in self.trackers:
            # A tracker that fails to begin has to be closed as well.
            self._begun.append(tracker)
            tracker.begin(self.subject)
        if self.history.rows:
            self._report_epochs()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report the finished epoch.

        Raises:
            ClaimedError: another process has taken over the run.
        """
        if self.require_claim:
            self.require_claim()
        if trainer.is_global_zero:
            self._report_epochs()

    def end(self, results: Results) -> None:
        """Report the results."""
        self._notify(
            lambda tracker: tracker.end(results),
            "it lacks the results; the run continues without it",
        )

    def _report_epochs(self) -> None:
        rows = self.history.rows
        write_history(rows, self.subject.folder)
        missing = f"it lacks all epochs from {int(rows[-1]['epoch'])} on; "
        self._notify(lambda tracker: tracker.epochs(rows), missing + "the run continues without it")

    def _notify(self, call: Callable[[Tracker], None], missing: str) -> None:
        for tracker in self._begun:
            if tracker.name not in self._failed:
                try:
                    call(tracker)
                except Exception as problem:
                    self._failed.add(tracker.name)
                    self._warn(tracker, problem, missing)

    def _warn(self, tracker: Tracker, problem: Exception, missing: str) -> None:
        text = f"{type(problem).__name__}: {first_line(problem)}"
        name = self.subject.name
        self.say(f"{name}  warning: logger {tracker.name} failed ({text}); {missing}")


def job_tracking(job: Job, say: Say, require_claim: Callable[[], None] | None = None) -> Tracking:
    """Create the tracking of a job with its configured trackers and an empty history."""
    group = group_name(job.configuration_folder)
    config = job.config
    subject = Subject(
        job.title, job.folder, group, config.plain, job.choices, config.labels, job.alone
    )
    return Tracking(
        build.build_trackers(config), subject, History(config.monitor), say, require_claim
    )
