"""Tables in a run folder that are read by commands: scores of every epoch and of every test image.

This module does not import torch.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clothseg.error import DataError, first_line
from clothseg.files import read_csv, write_arrays, write_csv
from clothseg.run.content import require_unchanged
from clothseg.untrusted import MAX_LIST_BYTES, require_file

if TYPE_CHECKING:
    from clothseg.metric.segmentation import ImageScores

HISTORY = "history.csv"
IMAGE_SCORES = "image_scores.npz"


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
            {key: float(value) for key, value in row.items() if value} for row in read_csv(path)
        ]
        if not all("epoch" in row for row in rows):
            raise ValueError("a row has no epoch")
    except (OSError, ValueError, TypeError, csv.Error, DataError) as error:
        raise DataError(f"{path} is missing or damaged ({first_line(error)})") from error
    return rows


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
    require_unchanged(folder, IMAGE_SCORES)
    path = folder / IMAGE_SCORES
    try:
        require_file(path, MAX_LIST_BYTES)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return ImageTable(arrays["names"], arrays["counts"], arrays["iou_plus"])
    except Exception as error:  # zip and NumPy raise many types for damaged files
        raise DataError(f"{path} is missing or damaged ({first_line(error)})") from error
