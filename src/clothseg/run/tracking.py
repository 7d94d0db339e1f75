"""Drives the trackers of a run, and keeps their troubles away from it."""

from collections.abc import Callable, Sequence
from types import TracebackType

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from clothseg import build
from clothseg.callbacks.history import History
from clothseg.error import first_line
from clothseg.logger.tracker import End, Results, Subject, Tracker
from clothseg.run.job import Job

Say = Callable[[str], None]


class Tracking(Callback):
    """Tells all trackers about one run, on the first of its processes only.

    It begins with the training, and ends as a context manager, which is how it knows the way in
    which the run ended.

    Args:
        trackers: they are told in this order.
        subject: the run.
        history: its epochs; it has to be called before this one.
        say: prints a line and keeps it in the run's log.
    """

    def __init__(
        self, trackers: Sequence[Tracker], subject: Subject, history: History, say: Say
    ) -> None:
        self.trackers, self.subject, self.history, self.say = trackers, subject, history, say
        self._begun: list[Tracker] = []
        self._lost: set[str] = set()

    def __enter__(self) -> "Tracking":
        """Nothing yet: the trackers begin with the training."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all trackers that have begun."""
        stopped = isinstance(error, KeyboardInterrupt)
        end: End = "done" if error is None else "interrupted" if stopped else "failed"
        for tracker in self._begun:
            try:
                tracker.close(end)
            except Exception as problem:
                self._warn(tracker, problem, "what it lacks is in the record")

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin, and hand over the epochs of a run that goes on."""
        if not trainer.is_global_zero:
            return
        for tracker in self.trackers:
            # Even one that fails to begin has to be closed.
            self._begun.append(tracker)
            tracker.begin(self.subject)
        if self.history.rows:
            self._hand_over_epochs()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Hand over the epoch that has ended."""
        self._hand_over_epochs()

    def end(self, results: Results) -> None:
        """Hand over the results."""
        self._tell(
            lambda tracker: tracker.end(results),
            "the results are missing there, the run goes on without it",
        )

    def _hand_over_epochs(self) -> None:
        rows = self.history.rows
        missing = f"epochs from {int(rows[-1]['epoch'])} on are missing there, "
        self._tell(lambda tracker: tracker.epochs(rows), missing + "the run goes on without it")

    def _tell(self, what: Callable[[Tracker], None], missing: str) -> None:
        for tracker in self._begun:
            if tracker.name not in self._lost:
                try:
                    what(tracker)
                except Exception as problem:
                    self._lost.add(tracker.name)
                    self._warn(tracker, problem, missing)

    def _warn(self, tracker: Tracker, problem: Exception, missing: str) -> None:
        text = f"{type(problem).__name__}: {first_line(problem)}"
        name = self.subject.name
        self.say(f"{name}  warning: logger {tracker.name} gave up ({text}); {missing}")


def tracking_of(job: Job, say: Say) -> Tracking:
    """The trackers that a job's configuration chooses, with an empty history."""
    folder = job.folder if job.config["split"].get("fold") is None else job.folder.parent
    group = "/".join(folder.parts[-3:])
    labels = build.build_labels(job.config)
    subject = Subject(job.title, job.folder, group, job.config, job.choices, labels)
    return Tracking(build.build_trackers(job.config), subject, History(), say)
