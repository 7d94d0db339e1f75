"""The table of the epochs, `history.csv`."""

import csv
from collections.abc import Sequence
from pathlib import Path

from clothseg.logger.tracker import Row, Subject, Tracker


class HistoryTable(Tracker):
    """One line an epoch; undefined scores are `nan`."""

    name = "csv"

    def begin(self, subject: Subject) -> None:
        """Name the file."""
        self._path: Path = subject.folder / "history.csv"

    def epochs(self, rows: Sequence[Row]) -> None:
        """Write the whole table under a temporary name and rename it."""
        temporary = self._path.with_suffix(".tmp")
        with temporary.open("w", newline="") as file:
            table = csv.DictWriter(file, list(rows[-1]))
            table.writeheader()
            table.writerows(rows)
        temporary.replace(self._path)
