"""Files with the scores of a run or of pooled folds: the per-class table and the figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clothseg.files import write_csv
from clothseg.metric.aggregate import Scorecard, aggregate, pooled_matrix
from clothseg.metric.names import PRIMARY
from clothseg.report.figures import draw_class_iou, draw_confusion_matrix

NUM_EXAMPLES = 4
"""Number of test images in the figure of the best and in that of the worst."""


def write_per_class(card: Mapping[str, Any], path: Path) -> None:
    """Write the rows of a scorecard as CSV; undefined scores are empty."""
    rows = card["per_class"]
    write_csv(path, list(rows[0]), [list(row.values()) for row in rows])


def draw_scores(cards: Sequence[Scorecard], folder: Path, title: str) -> None:
    """Draw the confusion matrix and the per-class IoU of a run or of a cross-validation.

    Counts are pooled over folds, IoUs are averaged as in the tables. The titles say so.

    Args:
        cards: scorecard of the run or of each fold.
        folder: folder of the record.
        title: title of both figures.
    """
    total, folds = aggregate(cards), len(cards)
    names = [row["name"] for row in total["per_class"]]
    pooled, mean = (
        (f"{title}, {folds} folds pooled", f"{title}, mean ± standard deviation over {folds} folds")
        if folds > 1
        else (title, title)
    )
    draw_confusion_matrix(pooled_matrix(cards), names, folder / "confusion_matrix.png", pooled)
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    iou, std = (_column(total["per_class"], statistic) for statistic in ("mean", "std"))
    draw_class_iou(
        iou,
        names,
        figures / "class_iou.png",
        mean,
        std if folds > 1 else None,
        total["mean"][PRIMARY.key]["mean"],
    )


def _column(rows: Sequence[Mapping[str, Any]], statistic: str) -> np.ndarray:
    """IoU of each class, `mean` or `std`, float64 [K]; NaN if undefined."""
    return np.array([row[PRIMARY.key][statistic] for row in rows], np.float64)


def figures(folder: Path) -> dict[str, Path]:
    """Figures in a record, by file name without the suffix."""
    paths = [folder / "confusion_matrix.png", *sorted((folder / "figures").glob("*.png"))]
    return {path.stem: path for path in paths if path.is_file()}
