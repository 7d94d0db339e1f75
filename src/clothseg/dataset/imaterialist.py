"""iMaterialist (Fashion) 2019: 45,625 images with run-length encoded objects of 46 categories."""

from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from clothseg.dataset.declared_size import require_declared_size
from clothseg.dataset.defect import Defect
from clothseg.dataset.listing import (
    MAX_NAME_BYTES,
    Missing,
    existing_samples,
    layout_error,
    listed_path,
    unannotated,
)
from clothseg.dataset.object_row import Row, decode_row
from clothseg.dataset.painting import Overlap, painting_order
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError, abbreviate, shortened
from clothseg.untrusted import MAX_LINE_BYTES, MAX_TABLE_BYTES, require_file

COLUMNS = ("ImageId", "EncodedPixels", "Height", "Width", "ClassId")
LAYOUT = "train.csv and train/<32 letters>.jpg"
MAX_HEADER_BYTES = 1 << 12
"""Longest line of column names."""
MAX_ROWS = 1 << 21
"""Most rows, whose offsets are kept; the release has 331,213."""
MAX_BROKEN = 1000
"""Most malformed lines that are listed; a file with more of them is no such table."""


class IMaterialist(Reader):
    """The unpacked Kaggle download of 2019, with either release of `train.csv`.

    Runs are 1-based and column-major. `ClassId` is a category, optionally followed by attributes,
    separated by underscores. Only the offsets of the rows are kept in memory, not the rows.

    Args:
        root: folder with `train.csv`.
        names: background and the 46 categories, in id order.
        overlap: which of two overlapping objects is visible.
        missing: handling of rows whose image is missing.

    License: the competition's rules.
    Source: iMaterialist (Fashion) 2019 at FGVC6.
    """

    def __init__(
        self, root: Path, names: Sequence[str], overlap: Overlap, missing: Missing
    ) -> None:
        super().__init__(root, names)
        self.table, self.missing = root / "train.csv", missing
        self.overlap, self.treatment = overlap, f"overlap={overlap}"

    def list_samples(self) -> list[Sample]:
        """Images in the order of their first row."""
        folder, (offsets, broken) = self.root / "train", self._lines
        if not offsets and not broken:
            raise DataError(f"{self.table} lists no images")
        return existing_samples(self._listed, self.table.name, self.missing, folder, broken)

    def warnings(self) -> list[str]:
        """Images that are missing or have no row, if these are skipped."""
        if self.missing == "error":
            return []
        absent = [sample.image.name for sample in self._listed if not sample.image.is_file()]
        unlisted = [image.name for image in unannotated(self._listed, self.root / "train")]
        kinds = (
            (f"images of {self.table.name} are missing", absent),
            (f"images have no row in {self.table.name}", unlisted),
        )
        return [f"{len(found)} {kind}: {abbreviate(found)}" for kind, found in kinds if found]

    @property
    def _listed(self) -> list[Sample]:
        """All images in the table."""
        images = [self.root / "train" / name for name in self._offsets]
        return [Sample(image.stem, image, self.table) for image in images]

    def read_mask(self, sample: Sample) -> np.ndarray:
        """Ids uint8 [H,W]: all objects of an image painted into one mask."""
        rows = self.rows(sample)
        height, width = rows[0].size
        columns = np.zeros(height * width, np.uint8)
        for row in painting_order(rows, lambda row: row.area, self.overlap):
            for start, length in zip(row.starts.tolist(), row.lengths.tolist(), strict=True):
                columns[start : start + length] = row.source
        return columns.reshape(width, height).T

    def objects(self, sample: Sample) -> list[tuple[int, int]]:
        """One object per row that has pixels."""
        return [(row.source, row.area) for row in self.rows(sample) if row.area]

    def sample_warnings(self, sample: Sample) -> list[str]:
        """Rows without pixels, and rows that repeat an earlier one."""
        warnings: list[str] = []
        first: dict[tuple[object, ...], int] = {}
        for row in self.rows(sample):
            location = f"{self.table} line {row.line} ({sample.image.name})"
            earlier = first.setdefault(row.content, row.line)
            if not row.area:
                warnings.append(f"{location}: EncodedPixels is empty; the row is skipped")
            elif earlier != row.line:
                warnings.append(f"{location}: repeats line {earlier}; both are used")
        return warnings

    def rows(self, sample: Sample) -> list[Row]:
        """Read the objects of an image in the order of the file.

        Raises:
            DataError: a row is malformed; names its line and value.
        """
        with self.table.open("rb") as file:
            rows = []
            for line, offset in self._offsets[sample.image.name]:
                file.seek(offset)
                values = self._fields(file.readline(MAX_LINE_BYTES), line)
                rows.append(decode_row(values, self.table, line, len(self.names) - 1))
        sizes = {row.size for row in rows}
        if len(sizes) > 1:
            shown = " and ".join(f"{width}x{height}" for height, width in sorted(sizes))
            message = f"{self.table}: {sample.image.name} has rows of {shown} pixels"
            raise Defect("different sizes", self.table, shown, message)
        require_declared_size(sample, *rows[0].size)
        return rows

    @property
    def _offsets(self) -> dict[str, list[tuple[int, int]]]:
        """Line number and byte offset of each row, by image."""
        return self._lines[0]

    @cached_property
    def _lines(self) -> tuple[dict[str, list[tuple[int, int]]], list[Defect]]:
        """Offsets of the rows, and defects of malformed lines.

        An image with such a line would lack an object, so all of its rows are dropped.

        Raises:
            DataError: there are more lines than any release has, or most are malformed.
        """
        if not self.table.exists():
            raise layout_error(self.root, LAYOUT)
        require_file(self.table, MAX_TABLE_BYTES)
        offsets: dict[str, list[tuple[int, int]]] = {}
        broken: list[Defect] = []
        incomplete: set[str] = set()
        with self.table.open("rb") as file:
            offset = len(file.readline(MAX_LINE_BYTES))
            lines = iter(partial(file.readline, MAX_LINE_BYTES), b"")
            for line, text in enumerate(lines, start=2):
                if line > MAX_ROWS:
                    raise DataError(f"{self.table}: has more than {MAX_ROWS:,} lines")
                try:
                    if text.strip():
                        name = self._fields(text, line)[0]
                        listed_path(self.root / "train", name, self.table)
                        offsets.setdefault(name, []).append((line, offset))
                except Defect as defect:
                    broken.append(defect.with_traceback(None))  # which holds the text
                    incomplete.add(self._name(text))
                if len(broken) > MAX_BROKEN:
                    raise DataError(
                        f"{self.table}: more than {MAX_BROKEN:,} lines are malformed; obtain the "
                        f"file again. The first one: {broken[0]}"
                    )
                offset += len(text)
        return {name: rows for name, rows in offsets.items() if name not in incomplete}, broken

    @cached_property
    def _columns(self) -> list[int]:
        """Position of each of :data:`COLUMNS` in a line."""
        with self.table.open("rb") as file:
            first = file.readline(MAX_HEADER_BYTES).decode("utf-8-sig", errors="replace")
        header = [name.strip('"') for name in first.strip().split(",")]
        missing = [name for name in COLUMNS if name not in header]
        if missing and ("\t" in first or ";" in first):
            raise DataError(
                f"{self.table}: columns are separated by tabs or semicolons; they must be "
                f"separated by commas: {','.join(COLUMNS)}"
            )
        if missing:
            raise DataError(
                f"{self.table}: has no column {', '.join(missing)}; found "
                f"{', '.join(map(shortened, header[:8]))}. The 2020 release has a different "
                "format, which is not supported"
            )
        return [header.index(name) for name in COLUMNS]

    def _fields(self, text: bytes, line: int) -> list[str]:
        """Extract the values of :data:`COLUMNS` from one line."""
        values = self._values(text)
        if len(values) <= max(self._columns):
            message = f"{self.table} line {line}: only {len(values)} values; the line is truncated"
            raise Defect("unreadable annotation", self.table, f"line {line}", message)
        return [values[position] for position in self._columns]

    def _values(self, text: bytes) -> list[str]:
        """Split a line, of which nothing after the last of :data:`COLUMNS` is needed."""
        last = max(self._columns)
        values = text.decode(errors="replace").strip().split(",", last + 1)
        return [value.strip('"') for value in values]

    def _name(self, text: bytes) -> str:
        """Image of a malformed line; empty if the line does not state it."""
        position, values = self._columns[0], self._values(text)
        name = values[position] if position < len(values) else ""
        return name if len(name) <= MAX_NAME_BYTES else ""


def imaterialist(
    *, root: str, names: Sequence[str], overlap: Overlap, missing: Missing
) -> IMaterialist:
    """Build the reader of iMaterialist (Fashion) 2019.

    Args:
        root: folder of the unpacked download.
        names: background and the 46 categories, in id order.
        overlap: `small_on_top` or `later_wins`.
        missing: `error` or `leave_out`.
    """
    return IMaterialist(Path(root), names, overlap, missing)
