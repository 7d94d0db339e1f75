"""What follows a run from outside: the interface, and what it is told."""

import contextlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from clothseg.error import DataError
from clothseg.labels import LabelSpace

if TYPE_CHECKING:
    import numpy as np

    from clothseg.report.predictions import Example

Row = Mapping[str, float]
"""One epoch: `epoch` from 1, `seconds`, `learning_rate`, and what the task logs; see History."""

End = Literal["done", "failed", "interrupted"]


@dataclass(frozen=True)
class Subject:
    """The run that is followed, or the cross-validation that runs add up to.

    Args:
        name: what it is called on the screen.
        folder: its record.
        group: `<dataset>-<labels>/<model>-<backbone>/<signature>`, the same for all folds.
        config: the resolved configuration.
        choices: the chosen option of each group.
        labels: the classes.
    """

    name: str
    folder: Path
    group: str
    config: Mapping[str, Any]
    choices: Mapping[str, str]
    labels: LabelSpace

    @property
    def signature(self) -> str:
        """Hash of what can change the result, see :func:`clothseg.run.record.signature`."""
        return self.group.rsplit("/", 1)[-1]

    @property
    def fold(self) -> int | None:
        """The fold that is tested; None for a split without folds."""
        fold: int | None = self.config["split"].get("fold")
        return fold


@dataclass(frozen=True)
class Results:
    """What a run scored.

    Args:
        metrics: the content of `metrics.json`.
        matrix: confusion matrix of the test part int64 [K,K]; rows are the truth.
        examples: the `best` and the `worst` test photos.
        checkpoint: weights of the best epoch.
    """

    metrics: Mapping[str, Any]
    matrix: "np.ndarray"
    examples: Mapping[str, Sequence["Example"]]
    checkpoint: Path


class Tracker:
    """Follows a run; a subclass overrides what it has a use for.

    An exception of :meth:`begin` ends the run before anything is trained. After that the run
    matters more than its log: whatever a tracker raises becomes a warning, and the tracker is left
    alone until it is closed.
    """

    name = "logger"
    """What warnings call it."""

    def require(self) -> None:
        """Refuse a command that cannot work, before its first job starts.

        Raises:
            UserError: what is wrong, and what to do about it.
        """

    def begin(self, subject: Subject) -> None:
        """Get ready for a run, or for one that goes on after it was cut off.

        Raises:
            UserError: what is wrong, and what to do about it.
        """

    def epochs(self, rows: Sequence[Row]) -> None:
        """Take over the epochs that are new.

        Args:
            rows: all epochs so far, also those from before the run was cut off.
        """

    def end(self, results: Results) -> None:
        """Take over the results; figures are in the run folder by now."""

    def close(self, end: End) -> None:
        """Let go of everything; called once, however the run ends."""

    def summarise(self, subject: Subject, summary: Mapping[str, Any], matrix: "np.ndarray") -> None:
        """Log a complete cross-validation, or again when its folds have changed.

        Args:
            subject: the cross-validation; its folder holds the figures.
            summary: what :func:`clothseg.metric.aggregate.aggregate` gives.
            matrix: pooled confusion matrix int64 [K,K]; rows are the truth.
        """


def require_writable(folder: Path) -> None:
    """Make a folder, and see whether files can be written into it.

    Raises:
        DataError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(tempfile.TemporaryFile(dir=folder)):
            pass
    except OSError as error:
        raise DataError(f"log folder {folder} cannot be written: {error.strerror}") from error
