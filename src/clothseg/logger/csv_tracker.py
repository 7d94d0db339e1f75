"""The table of the epochs, `history.csv`."""

from collections.abc import Sequence
from pathlib import Path

from clothseg.files import write_csv
from clothseg.logger.tracker import Row, Subject, Tracker


class CsvTracker(Tracker):
    """One line an epoch; undefined scores are `nan`."""

    name = "csv"

    def begin(self, subject: Subject) -> None:
        """Name the file."""
        self._path: Path = subject.folder / "history.csv"

    def epochs(self, rows: Sequence[Row]) -> None:
        """Write the whole table."""
        header = list(rows[-1])
        write_csv(self._path, header, [[row.get(key) for key in header] for row in rows])
