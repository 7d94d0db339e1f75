"""Figures of a run: learning curves, and the best and worst test images."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from clothseg.cache import Cache
from clothseg.labels import LabelSpace
from clothseg.metric.segmentation import Scores
from clothseg.report.figures import draw_learning_curves
from clothseg.report.predictions import Example, draw_predictions
from clothseg.task.semantic import SemanticSegmentation

NUM_EXAMPLES = 4
"""Number of test images in the figure of the best and in that of the worst."""


def draw_training(rows: Sequence[Mapping[str, float]], best_epoch: int, folder: Path) -> None:
    """Plot the learning curves of a run."""
    draw_learning_curves(rows, folder / "figures" / "learning_curves.png", best_epoch)


def draw_examples(
    cache: Cache, labels: LabelSpace, task: SemanticSegmentation, scores: Scores, folder: Path
) -> dict[str, list[Example]]:
    """Draw the test images with the highest and the lowest mean IoU, and return them.

    Source: inacio2019, Fig. 9.
    """
    # The IoU of an image averages over its own classes, so one valid pixel suffices.
    rows = np.ma.masked_invalid(scores.image_iou).mean(1).filled(np.nan)
    order = np.argsort(-rows, kind="stable")
    order = order[~np.isnan(rows[order])]
    drawn = {}
    for kind, rank in (("best", order[:NUM_EXAMPLES]), ("worst", order[::-1][:NUM_EXAMPLES])):
        examples = [_example(int(scores.index[i]), float(rows[i]), cache, task) for i in rank]
        title = f"Test images with the {'highest' if kind == 'best' else 'lowest'} mean IoU"
        draw_predictions(
            examples, labels.names, labels.palette, folder / "figures" / f"{kind}.png", title
        )
        drawn[kind] = examples
    return drawn


def _example(index: int, iou: float, cache: Cache, task: SemanticSegmentation) -> Example:
    image = np.array(cache.image(index))
    return Example(
        name=cache.names[index],
        image=image,
        ground_truth=np.array(cache.mask(index)),
        prediction=task.predict(image[None])[0],
        iou=iou,
    )
