"""AP of the masks of people, as COCO defines it for objects of one class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clothseg.metric.average import ratio
from clothseg.metric.parsing.average_precision import interpolated_precision
from clothseg.metric.parsing.instances import PERSON_THRESHOLDS

MAX_DETECTIONS = 100
"""People of a picture that are evaluated, those of the highest scores."""


@dataclass(frozen=True)
class PersonMasks:
    """Predicted masks of people in one or more pictures, those of a picture by descending score.

    Args:
        scores: score of each person, float64 [M].
        hits: whether the person is a hit at each of :data:`PERSON_THRESHOLDS`, bool [M,T].
        truths: number of true people.
    """

    scores: np.ndarray
    hits: np.ndarray
    truths: int

    @classmethod
    def joined(cls, pictures: Sequence["PersonMasks"]) -> "PersonMasks":
        """Join the people of pictures; of equal scores, those of the earlier picture come first."""
        return cls(
            np.concatenate([one.scores for one in pictures]),
            np.concatenate([one.hits for one in pictures]),
            sum(one.truths for one in pictures),
        )

    @property
    def precision(self) -> np.ndarray:
        """AP at each threshold, float64 [T]; NaN without true people."""
        return interpolated_precision(self.scores, self.hits, self.truths)


def compare_masks(
    people: np.ndarray, predicted: Sequence[np.ndarray], scores: np.ndarray
) -> PersonMasks:
    """Compare the predicted masks of people in a picture with the true ones.

    By descending score, and at each threshold by itself, a predicted person is matched with the
    true one of the highest IoU among those that no earlier person was matched with; of equal IoUs
    the higher number. It is a hit if that IoU is not below the threshold.

    Args:
        people: number of the true person, integers [H,W], 0 = none.
        predicted: mask of each person, bool or integers [H,W], 0 outside of it; they may overlap,
            and an empty one is a miss.
        scores: score of each predicted person, float [M].

    Returns:
        The :data:`MAX_DETECTIONS` people of the highest scores.

    Source: the evaluation program of COCO, pycocotools, for areas of any size and without crowds.
    """
    ranked = np.argsort(-np.asarray(scores, float), kind="stable")[:MAX_DETECTIONS]
    iou = _mask_iou(people, [predicted[i] for i in ranked])
    levels = np.asarray(PERSON_THRESHOLDS)
    columns = np.arange(len(levels))
    hits = np.zeros((len(ranked), len(levels)), bool)
    taken = np.zeros((iou.shape[1], len(levels)), bool)
    for rank in range(len(ranked) if len(taken) else 0):
        free = np.where(taken, -1.0, iou[rank][:, None])
        best = free.argmax(0)
        hits[rank] = free[best, columns] >= levels
        taken[best, columns] |= hits[rank]
    return PersonMasks(np.asarray(scores, float)[ranked], hits, len(taken))


def _mask_iou(people: np.ndarray, predicted: Sequence[np.ndarray]) -> np.ndarray:
    """IoU of each predicted and each true person, the latter by descending number, float64 [M,G].

    Each mask is looked at once, however many true people there are.
    """
    area = np.bincount(people.ravel(), minlength=1)
    numbers = np.flatnonzero(area[1:])[::-1] + 1
    joint = np.zeros((len(predicted), len(area)), np.int64)
    for row, mask in zip(joint, predicted, strict=True):
        row[:] = np.bincount(people[mask > 0], minlength=len(area))
    both = joint[:, numbers]
    return ratio(both, joint.sum(1)[:, None] + area[numbers] - both)
