"""Average precision of ranked detections."""

from typing import Literal

import numpy as np

Ties = Literal["later", "earlier"]
"""Detection that is ranked first among those of equal score."""


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
    found = hits[order].cumsum(0)
    recall = found / truths
    precision = found / np.arange(1, len(order) + 1)[:, None]
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    return np.asarray((np.diff(recall, axis=0, prepend=0.0) * envelope).sum(0))
