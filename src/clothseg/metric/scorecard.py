"""JSON format of scores, which other tools read and which must not change."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clothseg.metric.average import nan_mean

if TYPE_CHECKING:
    from clothseg.metric.segmentation import ImageScores, Scores


def scorecard(
    scores: "Scores", names: Sequence[str], sources: np.ndarray | None = None
) -> dict[str, Any]:
    """Convert scores to plain Python values for JSON; None if undefined or not computed.

    Args:
        scores: scores of a set of images.
        names: class names in id order [K].
        sources: name of the source dataset of each sample, by sample index. If there are several,
            `by_source` holds a card for each, without the confusion matrix and Boundary IoU, which
            are only counted over all images.
    """
    card = {
        "num_images": len(scores.index),
        "num_classes": len(names),
        "confusion_matrix": scores.matrix.tolist(),
        **_scores(scores, names, {"boundary_iou": scores.boundary_iou}),
    }
    if sources is None or len(np.unique(sources)) < 2:
        return card
    return card | {"by_source": _by_source(scores, names, sources[scores.index])}


def _by_source(scores: "Scores", names: Sequence[str], sources: np.ndarray) -> dict[str, Any]:
    """Build a card for each source; `sources` holds the source of each image [N]."""
    cards = {}
    for source in np.unique(sources).tolist():
        part = scores.select(sources == source)
        sizes = {"num_images": len(part.index), "num_classes": len(names)}
        cards[source] = sizes | _scores(part, names, {})
    return cards


def _scores(
    scores: "ImageScores", names: Sequence[str], extra_columns: Mapping[str, np.ndarray | None]
) -> dict[str, Any]:
    """Return class scores and their means; `extra_columns` are further scores [K] by name."""
    classes = scores.classes
    columns = {
        "precision": classes.precision,
        "recall": classes.recall,
        "f1": classes.f1,
        "iou": classes.iou,
        "iou_image": scores.iou_image,
        "iou_plus": scores.iou_plus,
        **extra_columns,
    }
    values = {
        key: [None] * len(names) if column is None else [_number(value) for value in column]
        for key, column in columns.items()
    }
    per_class = [
        {"id": class_id, "name": name}
        | {key: column[class_id] for key, column in values.items()}
        | {"support": int(classes.support[class_id])}
        for class_id, name in enumerate(names)
    ]
    return {
        "per_class": per_class,
        "mean": {
            key: None if column is None else _number(nan_mean(column))
            for key, column in columns.items()
        },
        "accuracy": _number(classes.accuracy),
        "binary_iou": _number(classes.binary_iou),
        "classes_counted": classes.classes_counted,
    }


def _number(value: float | np.ndarray) -> float | None:
    return None if np.isnan(value) else float(value)
