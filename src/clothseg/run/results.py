"""Figures that a run draws of its training and of its best and worst test images."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from clothseg.cache import Cache
from clothseg.labels import LabelSpace
from clothseg.metric.segmentation import Scores
from clothseg.report.figures import draw_learning_curves
from clothseg.report.predictions import Example, draw_predictions
from clothseg.task.semantic import SemanticSegmentation

SHOWN = 4
"""Test photos in the picture of the best and in that of the worst."""


def draw_training(rows: Sequence[Mapping[str, float]], best_epoch: int, folder: Path) -> None:
    """Draw the learning curves of a run."""
    draw_learning_curves(rows, folder / "figures" / "learning_curves.png", best_epoch)


def draw_examples(
    cache: Cache, labels: LabelSpace, task: SemanticSegmentation, scores: Scores, folder: Path
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


def _example(index: int, iou: float, cache: Cache, task: SemanticSegmentation) -> Example:
    photo = np.array(cache.images[index])
    return Example(
        name=cache.names[index],
        image=photo,
        ground_truth=np.array(cache.masks[index]),
        prediction=task.predict(photo[None])[0],
        iou=iou,
    )
