"""Row of a table of objects: the run-length encoded pixels of one of them, and its category."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clothseg.dataset.defect import Defect
from clothseg.dataset.image import require_size
from clothseg.error import DataError, shortened


@dataclass(frozen=True)
class Row:
    """One annotated object.

    Args:
        line: line number in the table.
        source: source id, category + 1; 0 is the background.
        attributes: ids of its attributes.
        size: height and width of the image, pixels.
        starts: first pixel of each run, 0-based, in column-major order.
        lengths: pixels of each run.
    """

    line: int
    source: int
    attributes: tuple[int, ...]
    size: tuple[int, int]
    starts: np.ndarray
    lengths: np.ndarray

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(self.lengths.sum())

    @property
    def content(self) -> tuple[object, ...]:
        """Values that are equal in duplicate rows."""
        return self.source, self.attributes, self.starts.tobytes(), self.lengths.tobytes()


def decode_row(values: Sequence[str], table: Path, line: int, categories: int) -> Row:
    """Decode one object.

    Args:
        values: image, runs, height, width, and category with attributes.
        table: the file, for messages.
        line: line number in the table.
        categories: their number.

    Raises:
        DataError: a value is malformed, or contradicts another one.
    """
    name, runs, height, width, label = values
    location = f"{table} line {line} ({name})"
    size = _pixels(height, f"{location}: Height"), _pixels(width, f"{location}: Width")
    try:
        require_size(*size)
    except DataError as error:
        raise DataError(f"{location}: {error}") from None
    source, attributes = _classes(label, table, location, categories)
    starts, lengths = _runs(runs, table, location, size)
    return Row(line, source, attributes, size, starts, lengths)


def _pixels(text: str, column: str) -> int:
    """Decode a height or a width, which some releases write as floats.

    Raises:
        DataError: it is not a finite number.
    """
    try:
        return round(float(text))
    except (ValueError, OverflowError) as error:
        raise DataError(f"{column} is `{shortened(text)}`; expected a number of pixels") from error


def _classes(
    label: str, table: Path, location: str, categories: int
) -> tuple[int, tuple[int, ...]]:
    """Decode the source id and the attributes of an object."""
    try:
        category, *attributes = [int(part) for part in label.split("_")]
    except ValueError as error:
        message = (
            f"{location}: ClassId is `{shortened(label)}`; expected integers joined by underscores"
        )
        raise DataError(message) from error
    if not 0 <= category < categories:
        message = (
            f"{location}: ClassId {shortened(label)}: category {shortened(category)} is out of "
            f"range; allowed are 0 to {categories - 1}"
        )
        raise Defect("label out of range", table, shortened(category), message)
    return category + 1, tuple(attributes)


def _runs(
    text: str, table: Path, location: str, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Decode the 0-based starts and the lengths of the runs in an image of a size."""
    try:
        pairs = np.array(text.split(), np.int64)
    except (ValueError, OverflowError) as error:
        message = f"{location}: EncodedPixels is `{shortened(text)}`; expected pairs of integers"
        raise DataError(message) from error
    if len(pairs) % 2:
        raise DataError(f"{location}: {len(pairs)} values; runs are pairs of start and length")
    starts, lengths = pairs[::2] - 1, pairs[1::2]
    pixels = size[0] * size[1]
    outside = (starts < 0) | (lengths < 1) | (lengths > pixels) | (starts > pixels - lengths)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        run = f"{starts[first] + 1} {lengths[first]}"
        message = f"{location}: run `{run}` exceeds the image of {size[1]}x{size[0]} pixels"
        raise Defect("unreadable annotation", table, run, message)
    if lengths.sum() > pixels:
        message = f"{location}: runs have {lengths.sum()} pixels; the image has {pixels}"
        raise Defect("unreadable annotation", table, str(lengths.sum()), message)
    return starts, lengths
