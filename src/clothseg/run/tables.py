"""Tables in a run folder that are read by commands: scores of every epoch and of every test image.

This module does not import torch.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clothseg.error import DataError, first_line, shortened
from clothseg.files import read_csv, write_arrays, write_csv
from clothseg.metric.names import SCORES
from clothseg.run.content import require_content, require_unchanged
from clothseg.untrusted import MAX_LIST_BYTES, read_file, require_archive, require_file

if TYPE_CHECKING:
    from clothseg.metric.segmentation import ImageScores

HISTORY = "history.csv"
IMAGE_SCORES = "image_scores.npz"

FRACTIONS = {name for score in SCORES if score.fraction for name in (score.name, score.key)}
"""Names of scores from 0 to 1 in the columns of a history, of a dataset and of a class."""


def write_history(rows: Sequence[Mapping[str, float]], folder: Path) -> None:
    """Write the epochs of a run to `history.csv`; undefined scores are `nan`.

    Args:
        rows: one row per epoch, see :class:`clothseg.callbacks.history.History`.
        folder: run folder.

    Raises:
        WriteError: the file cannot be written.
    """
    header = list(rows[-1])
    write_csv(folder / HISTORY, header, [[row.get(key) for key in header] for row in rows])


def read_history(folder: Path) -> list[dict[str, float]]:
    """Read the epochs of a run: losses, scores, learning rate and seconds of each.

    Args:
        folder: run folder.

    Raises:
        DataError: the file is missing or damaged, or has changed since the run ended.
    """
    require_unchanged(folder, HISTORY)
    path = folder / HISTORY
    try:
        require_file(path, MAX_LIST_BYTES)
        rows = [
            {key: _number(key, value) for key, value in row.items() if value}
            for row in read_csv(path)
        ]
        if not rows:
            raise ValueError("it has no epochs")
        if [row.get("epoch") for row in rows] != [*range(1, len(rows) + 1)]:
            raise ValueError("the epochs are not numbered 1, 2, 3 and so on")
    except (OSError, ValueError, TypeError, csv.Error, DataError) as error:
        reason = shortened(first_line(error))
        raise DataError(f"{path} is missing or damaged ({reason})") from error
    return rows


def _number(key: str, text: str) -> float:
    """Convert a cell of the history; scores may be undefined, and a loss may be anything.

    Raises:
        ValueError: it is no number, or none that its column can have.
    """
    value = float(text)
    is_score = key.partition("/")[2].partition("/")[0] in FRACTIONS
    if is_score and not (0 <= value <= 1 or math.isnan(value)):
        raise ValueError(f"{shortened(key, 60)} is {value:g}, but must be 0 to 1")
    return value


@dataclass(frozen=True)
class ImageTable:
    """Scores of N test images with K classes, in the order of the dataset.

    Args:
        names: name of each image, str [N].
        counts: pixels of each image and class that are true positives, false positives, false
            negatives, int64 [N,3,K].
        iou_plus: IoU+ of each image and class, 0 to 1, float64 [N,K]; NaN for a class that is in
            neither mask.
    """

    names: np.ndarray
    counts: np.ndarray
    iou_plus: np.ndarray

    def require_valid(self) -> None:
        """Check types, shapes and values.

        Raises:
            ValueError: names the first array that is not as described above.
        """
        images, classes = len(self.names), self.iou_plus.shape[-1]
        known = self.iou_plus[~np.isnan(self.iou_plus)]
        checks = {
            "names": self.names.ndim == 1 and self.names.dtype.kind == "U",
            "counts": self.counts.dtype == np.int64
            and self.counts.shape == (images, 3, classes)
            and bool((self.counts >= 0).all()),
            "iou_plus": self.iou_plus.dtype == np.float64
            and self.iou_plus.shape == (images, classes)
            and bool(((known >= 0) & (known <= 1)).all()),
        }
        if wrong := [name for name, is_valid in checks.items() if not is_valid]:
            raise ValueError(f"{wrong[0]} has another type or shape, or values that it cannot have")


def write_image_scores(scores: "ImageScores", names: Sequence[str], folder: Path) -> None:
    """Write the scores of each test image to `image_scores.npz`.

    The file is a NumPy archive of the arrays of :class:`ImageTable`. Equal scores give equal bytes.

    Args:
        scores: scores of the test part, including IoU+.
        names: names of all images of the dataset, by sample index.
        folder: run folder.

    Raises:
        WriteError: the file cannot be written.
    """
    arrays = {
        "names": np.array([names[index] for index in scores.index], dtype=np.str_),
        "counts": scores.image_counts,
        "iou_plus": np.asarray(scores.image_iou_plus),
    }
    write_arrays(folder / IMAGE_SCORES, arrays)


def read_image_scores(folder: Path) -> ImageTable:
    """Read the scores of each test image of a run.

    Args:
        folder: run folder.

    Raises:
        DataError: the file is missing, as in records of earlier versions, damaged, or has changed
            since the run ended.
    """
    path = folder / IMAGE_SCORES
    try:
        content = read_file(path, MAX_LIST_BYTES)
    except DataError as error:
        raise _damaged(path, error) from error
    require_content(folder, IMAGE_SCORES, content)
    try:
        require_archive(path, MAX_LIST_BYTES, content)
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            table = ImageTable(arrays["names"], arrays["counts"], arrays["iou_plus"])
        table.require_valid()
        return table
    except Exception as error:  # zip and NumPy raise many types for damaged files
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is missing or damaged ({shortened(first_line(error))})")
