"""TensorBoard's event files."""

import math
from collections.abc import Sequence
from pathlib import Path

from clothseg.logger.tracker import End, Results, Row, Subject, Tracker, require_writable


class TensorBoardTracker(Tracker):
    """Scalars of every epoch with the epoch as step; test scores and figures at the last one."""

    name = "tensorboard"

    def begin(self, subject: Subject) -> None:
        """Open a new file beside those of earlier attempts."""
        from torch.utils.tensorboard import SummaryWriter  # imports torch

        self._folder: Path = subject.folder
        folder = subject.folder / "tensorboard"
        require_writable(folder)
        # What an attempt that was cut off has logged is dropped, and logged again: it can hold an
        # epoch that the checkpoint lacks, or lack one when its last lines were not on the disk yet.
        again = any(folder.iterdir())
        self._writer = SummaryWriter(str(folder), purge_step=1 if again else None)
        self._last = 0

    def epochs(self, rows: Sequence[Row]) -> None:
        """Log the rows that this file has not got."""
        for row in rows[self._last :]:
            self._last = int(row["epoch"])
            self._scalars({key: value for key, value in row.items() if key != "epoch"})
        self._writer.flush()

    def end(self, results: Results) -> None:
        """Log scores of the test part, of each class too, and all figures."""
        import cv2

        from clothseg.report.results import figures

        card = results.metrics["test"]
        scores = {f"test/mean_{key}": value for key, value in card["mean"].items()}
        scores |= {f"test/{key}": card[key] for key in ("accuracy", "binary_iou")}
        for row in card["per_class"]:
            for key in ("precision", "recall", "f1", "iou"):
                scores[f"test/{key}/{row['name']}"] = row[key]
        self._scalars({key: value for key, value in scores.items() if value is not None})
        for name, path in figures(self._folder).items():
            picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            self._writer.add_image(name, picture, self._last, dataformats="HWC")

    def close(self, end: End) -> None:
        """Close the file."""
        self._writer.close()

    def _scalars(self, values: Row) -> None:
        for key, value in values.items():
            if math.isfinite(value):
                self._writer.add_scalar(key, value, self._last)
