"""TensorBoard event files."""

import math
from collections.abc import Sequence
from pathlib import Path

from clothseg.logger.tracker import End, Results, Row, Subject, Tracker, require_writable
from clothseg.metric.names import SCORES


class TensorBoardTracker(Tracker):
    """Tracker that writes epoch scalars, and final scores and figures at the last epoch."""

    name = "tensorboard"

    def begin(self, subject: Subject) -> None:
        """Open a new file next to those of earlier attempts."""
        from torch.utils.tensorboard import SummaryWriter  # imports torch

        self._folder: Path = subject.folder
        folder = subject.folder / "tensorboard"
        require_writable(folder)
        # The log of an interrupted attempt is purged and rewritten: it may contain an epoch that
        # the checkpoint lacks, or lack one that had not been flushed to disk.
        resumed = any(folder.iterdir())
        self._writer = SummaryWriter(str(folder), purge_step=1 if resumed else None)
        self._last = 0

    def epochs(self, rows: Sequence[Row]) -> None:
        """Log the rows that the file lacks."""
        for row in rows[self._last :]:
            self._last = int(row["epoch"])
            self._scalars({key: value for key, value in row.items() if key != "epoch"})
        self._writer.flush()

    def end(self, results: Results) -> None:
        """Log overall and per-class scores, with `best/` those of validation, and all figures."""
        from clothseg.dataset.image import read_image
        from clothseg.report.results import figures

        scores = results.scores([score.key for score in SCORES if score.tabulated])
        self._scalars({key: value for key, value in scores.items() if value is not None})
        for name, path in figures(self._folder).items():
            self._writer.add_image(name, read_image(path), self._last, dataformats="HWC")

    def close(self, end: End) -> None:
        """Close the file."""
        self._writer.close()

    def _scalars(self, values: Row) -> None:
        for key, value in values.items():
            if math.isfinite(value):
                self._writer.add_scalar(key, value, self._last)
