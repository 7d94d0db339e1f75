"""What a run leaves to look at: the table of its classes and its pictures."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothseg.cache import Cache
from clothseg.labels import LabelSpace
from clothseg.report.figures import (
    draw_class_iou,
    draw_confusion_matrix,
    draw_learning_curves,
)
from clothseg.report.predictions import Example, draw_predictions

if TYPE_CHECKING:
    from clothseg.metric.segmentation import Scores
    from clothseg.task.semantic import SemanticSegmentation

SHOWN = 4
"""Test photos in the picture of the best and in that of the worst."""


def write_per_class(card: Mapping[str, Any], path: Path) -> None:
    """Write the rows of a scorecard as CSV; undefined scores are empty."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", newline="") as file:
        table = csv.DictWriter(file, list(card["per_class"][0]))
        table.writeheader()
        table.writerows(card["per_class"])
    temporary.replace(path)


def draw_scores(matrix: np.ndarray, names: Sequence[str], folder: Path, title: str) -> None:
    """Draw the confusion matrix of a run or of pooled folds, and the IoU of its classes.

    Args:
        matrix: counts int64 [K,K]; rows are the truth.
        names: class names in id order [K].
        folder: the record's folder.
        title: what was scored.
    """
    from clothseg.metric.confusion import class_scores

    draw_confusion_matrix(matrix, names, folder / "confusion_matrix.png", title)
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    draw_class_iou(class_scores(matrix).iou, names, figures / "class_iou.png", title)


def draw_training(rows: Sequence[Mapping[str, float]], best_epoch: int, folder: Path) -> None:
    """Draw the learning curves of a run."""
    draw_learning_curves(rows, folder / "figures" / "learning_curves.png", best_epoch)


def figures(folder: Path) -> dict[str, Path]:
    """The pictures in a record, by their names without the suffix."""
    paths = [folder / "confusion_matrix.png", *sorted((folder / "figures").glob("*.png"))]
    return {path.stem: path for path in paths if path.is_file()}


def draw_examples(
    cache: Cache, labels: LabelSpace, task: "SemanticSegmentation", scores: "Scores", folder: Path
) -> dict[str, list[Example]]:
    """Draw the test photos with the highest and the lowest mean IoU, and return them as such.

    Source: inacio2019, Fig. 9.
    """
    # A photo's IoU is over the classes in it, so it is defined whenever one pixel counts.
    rows = np.ma.masked_invalid(scores.image_iou).mean(1).filled(np.nan)
    order = np.argsort(-rows, kind="stable")
    order = order[~np.isnan(rows[order])]
    shown = {}
    for kind, chosen in (("best", order[:SHOWN]), ("worst", order[::-1][:SHOWN])):
        examples = [_example(int(scores.index[i]), float(rows[i]), cache, task) for i in chosen]
        title = f"Test photos with the {'highest' if kind == 'best' else 'lowest'} mean IoU"
        draw_predictions(
            examples, labels.names, labels.palette, folder / "figures" / f"{kind}.png", title
        )
        shown[kind] = examples
    return shown


def _example(index: int, iou: float, cache: Cache, task: "SemanticSegmentation") -> Example:
    photo = np.array(cache.images[index])
    return Example(
        name=cache.names[index],
        photo=photo,
        truth=np.array(cache.masks[index]),
        prediction=task.predict(photo[None])[0],
        iou=iou,
    )
