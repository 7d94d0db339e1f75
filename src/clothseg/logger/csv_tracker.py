"""Epoch table of a run, `history.csv`."""

from collections.abc import Sequence
from pathlib import Path

from clothseg.files import write_csv
from clothseg.logger.tracker import Row, Subject, Tracker


class CsvTracker(Tracker):
    """CSV file with one line per epoch; undefined scores are `nan`."""

    name = "csv"

    def begin(self, subject: Subject) -> None:
        """Set the path of the file."""
        self._path: Path = subject.folder / "history.csv"

    def epochs(self, rows: Sequence[Row]) -> None:
        """Write the entire table."""
        header = list(rows[-1])
        write_csv(self._path, header, [[row.get(key) for key in header] for row in rows])
