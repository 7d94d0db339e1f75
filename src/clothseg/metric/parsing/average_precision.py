"""Average precision of ranked detections."""

from typing import Literal

import numpy as np

Ties = Literal["later", "earlier"]
"""Detection that is ranked first among those of equal score."""
RECALL_POINTS = 101
"""Recalls from 0 to 1 at which COCO reads the precision."""


def average_precision(
    scores: np.ndarray, hits: np.ndarray, truths: int, ties: Ties = "later"
) -> np.ndarray:
    """Compute the area under the precision envelope, float64 [T].

    The envelope at a recall is the highest precision at this recall or a higher one. Recall, and
    with it the area, exceeds 1 if several detections may hit one true object.

    Args:
        scores: score of each detection, float [D].
        hits: whether a detection is a hit at each of T thresholds, bool [D,T].
        truths: number of true objects.
        ties: rank of equal scores.

    Returns:
        Areas; without true objects 0, or NaN if there are detections.

    Source: the rule of PASCAL VOC 2010, as in the programs of CIHP for AP^r and AP^p.
    """
    if truths == 0:
        return np.full(hits.shape[1], np.nan if len(scores) else 0.0)
    order = np.argsort(scores, kind="stable")[::-1]
    if ties == "earlier":
        order = np.argsort(-scores, kind="stable")
    recall, envelope = _curve(hits[order], truths)
    return np.asarray((np.diff(recall, axis=0, prepend=0.0) * envelope).sum(0))


def interpolated_precision(scores: np.ndarray, hits: np.ndarray, truths: int) -> np.ndarray:
    """Compute the mean of the precision envelope at 101 recalls, float64 [T].

    The envelope is 0 at recalls that are not reached. Of equal scores the earlier is ranked first.

    Args:
        scores: score of each detection, float [D].
        hits: whether a detection is a hit at each of T thresholds, bool [D,T].
        truths: number of true objects.

    Returns:
        Means; NaN without true objects.

    Source: the evaluation program of COCO, pycocotools.
    """
    if truths == 0:
        return np.full(hits.shape[1], np.nan)
    recall, envelope = _curve(hits[np.argsort(-scores, kind="stable")], truths)
    envelope = np.vstack([envelope, np.zeros(hits.shape[1])])
    # In floating point 0.35 of linspace is above 7 / 20, as in pycocotools.
    points = np.linspace(0, 1, RECALL_POINTS)
    places = [np.searchsorted(column, points) for column in recall.T]
    return np.array([envelope[place, level].mean() for level, place in enumerate(places)])


def _curve(hits: np.ndarray, truths: int) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision envelope after each of the ranked detections, float64 [D,T] each."""
    found = hits.cumsum(0)
    precision = found / np.arange(1, len(hits) + 1)[:, None]
    return found / truths, np.maximum.accumulate(precision[::-1], axis=0)[::-1]
