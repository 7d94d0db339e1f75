"""Scores that are derived from pixel counts; needs only NumPy, so that it imports quickly."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from clothseg.metric.average import nan_mean, ratio
from clothseg.metric.names import task_scores

CountScore = Literal["precision", "recall", "f1", "iou"]
"""Keys of the scores of a class that follow from its counts."""


def image_iou(counts: np.ndarray) -> np.ndarray:
    """Compute the IoU of each image and class: counts [N,3,K] to float64 [N,K].

    NaN for a class absent from both masks.

    Source: dang2020, the summand of Eq. 9.
    """
    union = counts.sum(1)
    return ratio(counts[:, 0], union)


@dataclass(frozen=True)
class ClassScores:
    """Scores of each class over a set of images, from one confusion matrix.

    A class absent from both ground truth and prediction is NaN in all four scores; any other 0/0 is
    0 (the precision of a class that was never predicted), so all four means cover the same classes.

    Args:
        precision: float64 [K].
        recall: float64 [K].
        f1: float64 [K].
        iou: float64 [K].
        true_positive: correct pixels, int64 [K].
        support: pixels of the ground truth, int64 [K].
        predicted: pixels of the prediction, int64 [K].
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    iou: np.ndarray
    true_positive: np.ndarray
    support: np.ndarray
    predicted: np.ndarray

    def columns(self) -> dict[str, np.ndarray | float]:
        """Return all scores that follow from the matrix by key: float64 [K], or a number."""
        scores = [score for score in task_scores("semantic") if score.from_matrix]
        return {score.key: getattr(self, score.key) for score in scores}

    def mean(self, score: str, background: bool = True) -> float:
        """Return the macro mean over the classes that occur, with or without class 0.

        Args:
            score: key of a score that exists per class.
            background: include class 0.
        """
        values: np.ndarray = getattr(self, score)
        return float(nan_mean(values if background else values[1:]))

    @property
    def classes_counted(self) -> int:
        """Number of classes in ground truth or prediction, which the means cover."""
        return int(np.count_nonzero(~np.isnan(self.iou)))

    @property
    def accuracy(self) -> float:
        """Fraction of valid pixels that are correct; NaN without valid pixels."""
        return float(ratio(self.true_positive.sum(), self.support.sum(), undefined=np.nan))

    @property
    def mean_class_accuracy(self) -> float:
        """Mean recall over the classes in the ground truth."""
        return float(nan_mean(self.recall[self.support > 0]))

    @property
    def frequency_weighted_iou(self) -> float:
        """Mean IoU over the classes in the ground truth, weighted by their pixels."""
        present = self.support > 0
        weighted = np.sum(self.support[present] * self.iou[present])
        return float(ratio(weighted, self.support.sum(), undefined=np.nan))

    @property
    def binary_iou(self) -> float:
        """IoU of the foreground (any class but 0) over all images, not averaged with background.

        Source: castro2019 reports 0 for networks that predict only background.
        """
        total = self.support.sum()
        union = total - self.true_positive[0]
        intersection = total - self.support[0] - self.predicted[0] + self.true_positive[0]
        return float(ratio(intersection, union, undefined=np.nan))

    @property
    def binary_iou_background(self) -> float:
        """IoU of the background, class 0."""
        return float(self.iou[0])

    @property
    def binary_mean_iou(self) -> float:
        """Mean of foreground and background IoU; undefined values are excluded."""
        return float(nan_mean(np.array([self.binary_iou, self.binary_iou_background])))


def class_scores(matrix: np.ndarray) -> ClassScores:
    """Compute class scores from a confusion matrix int64 [K,K] whose rows are the ground truth."""
    correct = np.diagonal(matrix)
    return count_scores(np.stack([correct, matrix.sum(0) - correct, matrix.sum(1) - correct]))


def count_scores(counts: np.ndarray) -> ClassScores:
    """Compute class scores from true positives, false positives, false negatives, int64 [3,K].

    Counts of many sets of images at once, [3,...,K] of integers or floats, give the scores of each.
    The properties of :class:`ClassScores` are those of one set.
    """
    true_positive, false_positive, false_negative = counts
    return ClassScores(
        precision=count_score(counts, "precision"),
        recall=count_score(counts, "recall"),
        f1=count_score(counts, "f1"),
        iou=count_score(counts, "iou"),
        true_positive=true_positive,
        support=true_positive + false_negative,
        predicted=true_positive + false_positive,
    )


def count_score(counts: np.ndarray, key: CountScore) -> np.ndarray:
    """Compute one of the scores of :func:`count_scores`, float64 [...,K].

    Args:
        counts: as there.
        key: the score.
    """
    true_positive, false_positive, false_negative = counts
    union = counts.sum(0)
    match key:
        case "precision":
            quotient = ratio(true_positive, true_positive + false_positive, undefined=0.0)
        case "recall":
            quotient = ratio(true_positive, true_positive + false_negative, undefined=0.0)
        case "f1":
            quotient = ratio(2 * true_positive, union + true_positive, undefined=0.0)
        case "iou":
            quotient = ratio(true_positive, union, undefined=0.0)
    return np.where(union > 0, quotient, np.nan)
