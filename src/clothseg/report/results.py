"""Files with the scores of a run or of pooled folds: the per-class table and the figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clothseg.files import write_csv
from clothseg.report.figures import draw_class_iou, draw_confusion_matrix

NUM_EXAMPLES = 4
"""Number of test images in the figure of the best and in that of the worst."""


def write_per_class(card: Mapping[str, Any], path: Path) -> None:
    """Write the rows of a scorecard as CSV; undefined scores are empty."""
    rows = card["per_class"]
    write_csv(path, list(rows[0]), [list(row.values()) for row in rows])


def draw_scores(matrix: np.ndarray, names: Sequence[str], folder: Path, title: str) -> None:
    """Draw the confusion matrix and the per-class IoU of a run or of pooled folds.

    Args:
        matrix: counts int64 [K,K]; rows are the ground truth.
        names: class names in id order [K].
        folder: folder of the record.
        title: title of both figures.
    """
    from clothseg.metric.class_scores import class_scores

    draw_confusion_matrix(matrix, names, folder / "confusion_matrix.png", title)
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    draw_class_iou(class_scores(matrix).iou, names, figures / "class_iou.png", title)


def figures(folder: Path) -> dict[str, Path]:
    """Figures in a record, by file name without the suffix."""
    paths = [folder / "confusion_matrix.png", *sorted((folder / "figures").glob("*.png"))]
    return {path.stem: path for path in paths if path.is_file()}
