"""Interface of the trackers that log a run, and the data they receive."""

import contextlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from clothseg.error import DataError
from clothseg.labels import LabelSpace
from clothseg.metric.scorecard import flat_scores

if TYPE_CHECKING:
    import numpy as np

    from clothseg.report.predictions import Example

Row = Mapping[str, float]
"""One epoch: `epoch` from 1, `seconds`, `learning_rate` and the task's metrics; see History."""

End = Literal["done", "failed", "interrupted"]


@dataclass(frozen=True)
class Subject:
    """Run or complete cross-validation that is logged.

    Args:
        name: display name.
        folder: the folder of its record.
        group: `<dataset>-<labels>/<model>-<backbone>/<signature>`, shared by all folds.
        config: the resolved configuration.
        choices: the selected option of each config group.
        labels: the classes.
        alone: its command has no other fold of its configuration, whose score it therefore is.
    """

    name: str
    folder: Path
    group: str
    config: Mapping[str, Any]
    choices: Mapping[str, str]
    labels: LabelSpace
    alone: bool = False

    @property
    def signature(self) -> str:
        """Hash of all settings that affect results, see :func:`clothseg.run.record.signature`."""
        return self.group.rsplit("/", 1)[-1]

    @property
    def fold(self) -> int | None:
        """The tested fold; None for a split without folds."""
        fold: int | None = self.config["split"].get("fold")
        return fold


@dataclass(frozen=True)
class Results:
    """Results of a run.

    Args:
        metrics: the content of `metrics.json`.
        matrix: confusion matrix of the test set int64 [K,K]; rows are the ground truth.
        examples: the `best` and the `worst` test images.
        checkpoint: weights of the best epoch.
        values: names of the values of each map of people, in id order; empty if the examples have
            no people.
    """

    metrics: Mapping[str, Any]
    matrix: "np.ndarray"
    examples: Mapping[str, Sequence["Example"]]
    checkpoint: Path
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def scores(self, columns: Sequence[str]) -> dict[str, float | None]:
        """Flatten the scores of the test part, and with `best/` of validation at the best epoch.

        Args:
            columns: keys of the scores of each class.
        """
        scores = flat_scores(self.metrics["test"], "test", columns)
        if "validation" in self.metrics:
            scores |= flat_scores(self.metrics["validation"], "best", columns)
        return scores


Finished = tuple[Subject, Sequence[Row], Results]
"""A finished run, its epochs and its results."""


class Tracker:
    """Base class that logs nothing; subclasses override the methods they need.

    An exception in :meth:`begin` aborts the run before training. Later exceptions only cause a
    warning, and the tracker is not called again until it is closed.
    """

    name = "logger"
    """Name used in warnings."""

    def require(self, several: bool) -> None:
        """Check the prerequisites of a command before its first job starts.

        Args:
            several: the command tries several configurations.

        Raises:
            UserError: they are not met; states the problem and a remedy.
        """

    def begin(self, subject: Subject) -> None:
        """Prepare to log a new or a resumed run.

        Raises:
            UserError: logging is not possible; states the problem and a remedy.
        """

    def epochs(self, rows: Sequence[Row]) -> None:
        """Log the new epochs.

        Args:
            rows: all epochs so far, including those before an interruption.
        """

    def end(self, results: Results) -> None:
        """Log the results; the figures are already in the run folder."""

    def close(self, end: End) -> None:
        """Release all resources; called exactly once, however the run ends."""

    def skip(self, folder: Path, alone: bool, read: "Callable[[], Finished]") -> None:
        """Take note of a run that had already finished, so that its command had nothing to do.

        Args:
            folder: the folder of its record.
            alone: as in :class:`Subject`.
            read: reads the run, all of its epochs, and the results without examples.
        """

    def summarize(self, subject: Subject, summary: Mapping[str, Any], matrix: "np.ndarray") -> None:
        """Log a complete cross-validation; called again when its folds may have changed.

        Args:
            subject: the cross-validation; its folder holds the figures.
            summary: result of :func:`clothseg.metric.aggregate.aggregate_parts`, and under `score`
                that of :func:`clothseg.metric.selection.mean_score`.
            matrix: pooled confusion matrix int64 [K,K]; rows are the ground truth.
        """


def require_writable(folder: Path) -> None:
    """Create a folder and check that it is writable.

    Raises:
        DataError: the folder is not writable.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(tempfile.TemporaryFile(dir=folder)):
            pass
    except OSError as error:
        raise DataError(f"log folder {folder} is not writable: {error.strerror}") from error
