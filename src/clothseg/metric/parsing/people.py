"""Scores of whole people: AP^p and PCP."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clothseg.metric.average import nan_mean, ratio
from clothseg.metric.parsing.average_precision import average_precision
from clothseg.metric.parsing.instances import THRESHOLDS

MIN_SCORE = 0.001
"""Score below which a predicted person is neither a hit nor a miss."""


@dataclass(frozen=True)
class People:
    """Predicted people in one or more pictures, in the order in which they were listed.

    Args:
        scores: score of each person, float64 [M].
        hits: whether the person is a hit at each of T thresholds, bool [M,T].
        correct: fraction of the true person's parts with an IoU above the threshold, 0 for misses,
            float64 [M,T].
        truths: number of true people.
    """

    scores: np.ndarray
    hits: np.ndarray
    correct: np.ndarray
    truths: int

    @classmethod
    def joined(cls, pictures: Sequence["People"]) -> "People":
        """Join the people of pictures with the same thresholds."""
        return cls(
            np.concatenate([one.scores for one in pictures]),
            np.concatenate([one.hits for one in pictures]),
            np.concatenate([one.correct for one in pictures]),
            sum(one.truths for one in pictures),
        )

    @property
    def precision(self) -> np.ndarray:
        """AP^p at each threshold, float64 [T]; NaN without true people if there are predictions."""
        return average_precision(self.scores, self.hits, self.truths, ties="earlier")

    @property
    def correct_parts(self) -> np.ndarray:
        """PCP at each threshold, float64 [T]: mean over true people; NaN without any."""
        total = self.correct.sum(0)
        return total / self.truths if self.truths else np.full(len(total), np.nan)


def compare_people(
    people: np.ndarray,
    parts: np.ndarray,
    predicted: Sequence[np.ndarray],
    scores: np.ndarray,
    classes: int,
    thresholds: Sequence[float] = THRESHOLDS,
    keep_empty: bool = True,
) -> People:
    """Compare the predicted people of a picture with the true ones.

    A predicted person is compared with the true one of the highest mean IoU over the classes,
    including the background of the whole picture, that either of them has. It is a hit if that mean
    is above the threshold and no person with a higher score has hit the same one.

    Args:
        people: number of the true person, integers [H,W], 0 = none.
        parts: true class, integers [H,W], 0 = background.
        predicted: classes of each predicted person, integers [H,W], 0 outside of it; they may
            overlap.
        scores: score of each predicted person, float [M].
        classes: number of classes, with the background.
        thresholds: mean IoU of a hit.
        keep_empty: count true people without any part, as Parsing R-CNN does; False as MHP v2.

    Source: the evaluation programs of Parsing R-CNN (Yang et al., 2019), and of MHP v2 for people
        without parts.
    """
    numbers = np.unique(people)
    numbers = numbers[numbers > 0]
    table = np.zeros(int(people.max(initial=0)) + 1, np.int64)
    table[numbers] = np.arange(1, len(numbers) + 1)
    owner = table[people]
    true = owner * classes + parts
    area = np.bincount(true.ravel(), minlength=(len(numbers) + 1) * classes)
    area = area.reshape(-1, classes)[1:]
    area[:, 0] = people.size - area[:, 1:].sum(1)  # the background is the rest of the picture
    if not keep_empty:
        kept = area[:, 1:].any(1)
        area, numbers = area[kept], numbers[kept]
        table[:] = 0
        table[numbers] = np.arange(1, len(numbers) + 1)
        true = table[people] * classes + parts
    listed = np.flatnonzero(np.asarray(scores) >= MIN_SCORE).tolist()
    iou = [_class_iou(true, predicted[i], area, classes) for i in listed]
    ranked = np.argsort(-np.asarray(scores)[listed], kind="stable")
    levels = np.asarray(thresholds)
    hits = np.zeros((len(listed), len(levels)), bool)
    correct = np.zeros((len(listed), len(levels)))
    taken = np.zeros((len(area), len(levels)), bool)
    for person in ranked if len(area) else ():
        means = nan_mean(iou[person], axis=1)
        best = int(means.argmax())
        hits[person] = (means[best] > levels) & ~taken[best]
        taken[best] |= hits[person]
        found = (np.nan_to_num(iou[person][best, 1:, None]) > levels).sum(0)
        existing = max(1, np.count_nonzero(area[best, 1:]))
        correct[person] = np.where(hits[person], found / existing, 0.0)
    return People(np.asarray(scores, float)[listed], hits, correct, len(area))


def _class_iou(
    true: np.ndarray, predicted: np.ndarray, area: np.ndarray, classes: int
) -> np.ndarray:
    """IoU of each class of a predicted person and each true one, float64 [G,C]; NaN in neither.

    Args:
        true: number of the true person times C, plus its class, integers [H,W].
        predicted: classes of the predicted person, integers [H,W].
        area: pixels of each class of each true person, with the background, int64 [G,C].
        classes: number of classes C.
    """
    joint = np.bincount(
        (true * classes + predicted).ravel(), minlength=(len(area) + 1) * classes**2
    ).reshape(-1, classes, classes)
    both = np.diagonal(joint[1:], axis1=1, axis2=2).copy()
    painted = joint.sum((0, 1))
    # Where neither of the two is: the background of the prediction without the true person's parts.
    both[:, 0] = painted[0] - joint[1:, 1:, 0].sum(1)
    union = area + painted - both
    return ratio(both, union)
