"""Pixel counts of semantic segmentation, and every score that derives from them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from clothseg.labels import IGNORE
from clothseg.metric.average import nan_mean


def image_confusion(prediction: Tensor, target: Tensor, classes: int) -> Tensor:
    """Confusion matrix of each image.

    Args:
        prediction: class ids [B,H,W], uint8 or int64.
        target: true class ids [B,H,W]; pixels of 255 are left out.
        classes: number of classes K, at most 255.

    Returns:
        Counts int64 [B,K,K] on the device of the input; rows are the truth.

    Raises:
        ValueError: the shapes differ, or a pixel that counts has an id outside 0 to K-1.
    """
    if prediction.shape != target.shape or target.ndim != 3:
        raise ValueError(
            f"prediction {list(prediction.shape)} and target {list(target.shape)} "
            "must both be [B,H,W]"
        )
    # One image at a time stays in a processor's cache, which takes a fifth of the time; a GPU would
    # wait for every one.
    at_once = 1 if target.device.type == "cpu" else max(1, len(target))
    pairs = zip(prediction.split(at_once), target.split(at_once), strict=True)
    table = torch.cat([_joint_counts(guess, truth, classes) for guess, truth in pairs])
    confusion = table[:, 1 : classes + 1, 1 : classes + 1].contiguous()
    impossible = target.numel() - int(confusion.sum() + table[:, IGNORE + 1].sum())
    if impossible:
        raise ValueError(
            f"{impossible} of {target.numel()} pixels have a class id outside "
            f"0 to {classes - 1} (and not {IGNORE} in the target)"
        )
    return confusion


def _joint_counts(prediction: Tensor, target: Tensor, classes: int) -> Tensor:
    """How often every truth meets every guess in each image, int64 [B,258,K+2].

    There is a row for a truth below 0, each of 0 to 255, and above; a column for a guess below 0,
    each class, and above. Whatever an id is, it has its place, so that impossible ones need no
    search of their own, which would take longer than counting; and nothing changes its size, so
    the only wait for a device is bincount's own.
    """
    rows, columns = IGNORE + 3, classes + 2
    images = torch.arange(len(target), device=target.device).view(-1, 1, 1)
    first_cell = images * (rows * columns) + columns + 1  # where truth and guess are 0
    truth, guess = target.long().clamp(-1, IGNORE + 1), prediction.long().clamp(-1, classes)
    cell = torch.add(guess, truth, alpha=columns).add_(first_cell)
    counts = torch.bincount(cell.flatten(), minlength=len(target) * rows * columns)
    return counts.view(-1, rows, columns)


def image_counts(confusion: Tensor) -> Tensor:
    """True positives, false positives and false negatives: [B,K,K] to int64 [B,3,K]."""
    true_positive = confusion.diagonal(dim1=1, dim2=2)
    false_positive = confusion.sum(1) - true_positive
    false_negative = confusion.sum(2) - true_positive
    return torch.stack([true_positive, false_positive, false_negative], 1)


def image_iou(counts: np.ndarray) -> np.ndarray:
    """IoU of each image and class: counts [N,3,K] to float64 [N,K], NaN where both masks lack it.

    Source: dang2020, the summand of Eq. 9.
    """
    union = counts.sum(1)
    return np.divide(counts[:, 0], union, out=np.full(union.shape, np.nan), where=union > 0)


@dataclass(frozen=True)
class ClassScores:
    """Scores of each class over a whole set of images, from one confusion matrix.

    A class that neither truth nor prediction has is NaN in all four scores; any other 0/0 is 0
    (the precision of a class that was never predicted), so the four means are over equal classes.

    Args:
        precision: float64 [K].
        recall: float64 [K].
        f1: float64 [K].
        iou: float64 [K].
        true_positive: pixels that are right, int64 [K].
        support: pixels of the truth, int64 [K].
        predicted: pixels of the prediction, int64 [K].
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    iou: np.ndarray
    true_positive: np.ndarray
    support: np.ndarray
    predicted: np.ndarray

    def mean(
        self, score: Literal["precision", "recall", "f1", "iou"], background: bool = True
    ) -> float:
        """Macro mean over the classes that occur, with or without class 0."""
        values: np.ndarray = getattr(self, score)
        return float(nan_mean(values if background else values[1:]))

    @property
    def classes_counted(self) -> int:
        """Number of classes that truth or prediction has: those that the means are over."""
        return int(np.count_nonzero(~np.isnan(self.iou)))

    @property
    def accuracy(self) -> float:
        """Shard of the counted pixels that are right; NaN without any."""
        return float(_ratio(self.true_positive.sum(), self.support.sum(), undefined=np.nan))

    @property
    def mean_class_accuracy(self) -> float:
        """Mean recall over the classes that the truth has."""
        return float(nan_mean(self.recall[self.support > 0]))

    @property
    def frequency_weighted_iou(self) -> float:
        """IoU of the classes that the truth has, weighted by their pixels."""
        present = self.support > 0
        weighted = np.sum(self.support[present] * self.iou[present])
        return float(_ratio(weighted, self.support.sum(), undefined=np.nan))

    @property
    def binary_iou(self) -> float:
        """IoU of foreground (any class but 0) over the whole set, not a mean with background.

        Source: castro2019 reports 0 for networks that predict background everywhere.
        """
        total = self.support.sum()
        union = total - self.true_positive[0]
        both = total - self.support[0] - self.predicted[0] + self.true_positive[0]
        return float(_ratio(both, union, undefined=np.nan))

    @property
    def binary_iou_background(self) -> float:
        """IoU of background against everything else, which is the IoU of class 0."""
        return float(self.iou[0])

    @property
    def binary_mean_iou(self) -> float:
        """Mean of the foreground's and the background's IoU, an undefined one left out."""
        return float(nan_mean(np.array([self.binary_iou, self.binary_iou_background])))


def class_scores(matrix: np.ndarray) -> ClassScores:
    """Scores of each class from a confusion matrix int64 [K,K] whose rows are the truth."""
    hits = np.diagonal(matrix)
    return count_scores(np.stack([hits, matrix.sum(0) - hits, matrix.sum(1) - hits]))


def count_scores(counts: np.ndarray) -> ClassScores:
    """Scores of each class from true positives, false positives, false negatives, int64 [3,K]."""
    true_positive, false_positive, false_negative = counts
    support, predicted = true_positive + false_negative, true_positive + false_positive
    union = counts.sum(0)

    def score(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
        return np.where(union > 0, _ratio(numerator, denominator, undefined=0.0), np.nan)

    return ClassScores(
        precision=score(true_positive, predicted),
        recall=score(true_positive, support),
        f1=score(2 * true_positive, support + predicted),
        iou=score(true_positive, union),
        true_positive=true_positive,
        support=support,
        predicted=predicted,
    )


def _ratio(numerator: np.ndarray, denominator: np.ndarray, undefined: float) -> np.ndarray:
    result = np.full(np.shape(denominator), undefined)
    return np.divide(numerator, denominator, out=result, where=denominator > 0)
