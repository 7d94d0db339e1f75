"""Instances in an index map, and their hits: AP^r of parts, AP^cr of characterized parts, AP^h."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from clothseg.metric.average import nan_mean, ratio
from clothseg.metric.parsing.average_precision import average_precision

THRESHOLDS = tuple(k / 10 for k in range(1, 10))
"""IoU above which an instance is a hit, for AP^r, AP^cr and AP^p; their mean is the volume."""
PERSON_THRESHOLDS = tuple(k / 100 for k in range(50, 100, 5))
"""The same for AP^h, and the least IoU of a hit for COCO's AP of people."""

DECIMALS = 6
"""Decimals of the scores of characterized parts, so that equal ones are ties on every machine."""

Matching = Literal["reference", "one_to_one"]
"""`reference`: several predictions may hit the same true instance. `one_to_one`: only the first."""
Absent = Literal["nanmean", "mean"]
"""Classes that are predicted but do not exist: `nanmean` leaves them out, `mean` is undefined."""


@dataclass(frozen=True)
class Instances:
    """Instances of a picture, each pixel in at most one.

    Args:
        index: integers [H,W]: 0 outside of all instances, and 1 to n in the instances.
        labels: class of each instance, from 1, int [n].
        scores: score of each instance, float [n]; those of true instances are not used.
    """

    index: np.ndarray
    labels: np.ndarray
    scores: np.ndarray

    @classmethod
    def numbered(
        cls, values: np.ndarray, labels: Sequence[tuple[int, int]], scores: Sequence[float] = ()
    ) -> "Instances":
        """Number the instances of a map with any values; those without a pixel are left out.

        Args:
            values: integers [H,W], 0 to 65535.
            labels: value and class of each instance.
            scores: score of each instance; 1 if there are none.
        """
        present = np.bincount(values.ravel(), minlength=int(values.max(initial=0)) + 1) > 0
        kept = [i for i, (value, _) in enumerate(labels) if value < len(present) and present[value]]
        table = np.zeros(len(present), np.int64)
        table[[labels[i][0] for i in kept]] = range(1, len(kept) + 1)
        return cls(
            table[values],
            np.array([labels[i][1] for i in kept], np.int64),
            np.array([scores[i] if len(scores) else 1.0 for i in kept], float),
        )

    def without(self, ignored: np.ndarray) -> "Instances":
        """Remove pixels bool [H,W], and the instances that have no others."""
        labels = list(enumerate(self.labels.tolist(), start=1))
        return Instances.numbered(np.where(ignored, 0, self.index), labels, self.scores.tolist())


@dataclass(frozen=True)
class Detections:
    """Detections in one or more pictures, in the order in which they were listed.

    Args:
        labels: class of each detection, from 1, int64 [D].
        scores: score of each detection, float64 [D].
        hits: whether it is a hit at each of T thresholds, bool [D,T].
        truths: number of true instances of each class from 1, int64 [K].
    """

    labels: np.ndarray
    scores: np.ndarray
    hits: np.ndarray
    truths: np.ndarray

    @classmethod
    def joined(cls, pictures: Sequence["Detections"]) -> "Detections":
        """Join the detections of pictures with the same classes and thresholds."""
        return cls(
            np.concatenate([one.labels for one in pictures]),
            np.concatenate([one.scores for one in pictures]),
            np.concatenate([one.hits for one in pictures]),
            np.sum([one.truths for one in pictures], axis=0),
        )

    @property
    def precision(self) -> np.ndarray:
        """Average precision of each class and threshold, float64 [K,T].

        NaN for a class that is predicted but does not exist, 0 for one that is neither.
        """
        rows = []
        for label, truths in enumerate(self.truths, 1):
            own = self.labels == label
            rows.append(average_precision(self.scores[own], self.hits[own], int(truths)))
        return np.array(rows)


def detect(
    truth: Instances,
    predicted: Instances,
    classes: int,
    thresholds: Sequence[float] = THRESHOLDS,
    matching: Matching = "reference",
) -> Detections:
    """Compare the predicted instances of a picture with the true ones of the same class.

    An instance is a hit if its largest IoU with a true one is above the threshold.

    Args:
        truth: true instances.
        predicted: predicted instances.
        classes: number of classes K, without the background.
        thresholds: IoU of a hit.
        matching: whether several instances may hit the same true one; the one with the higher score
            is first, and the later of equal ones.

    Source: the evaluation programs of PGN (Gong et al., 2018) and QANet (Yang et al., 2021).
    """
    iou = _pairwise_iou(truth, predicted)
    iou[predicted.labels[:, None] != truth.labels] = 0.0
    if len(truth.labels):
        best, largest = iou.argmax(1), iou.max(1)
    else:
        best, largest = np.zeros(len(iou), np.int64), np.zeros(len(iou))
    hits = largest[:, None] > np.asarray(thresholds)
    if matching == "one_to_one":
        hits = _only_first(hits, best, predicted.scores, len(truth.labels))
    truths = np.bincount(truth.labels, minlength=classes + 1)[1 : classes + 1]
    return Detections(predicted.labels, predicted.scores, hits, truths)


def mean_precision(precision: np.ndarray, absent: Absent = "nanmean") -> np.ndarray:
    """Average the precision of classes at each threshold, float64 [T]; NaN if it is undefined.

    Args:
        precision: average precision of classes and thresholds, float64 [K,T].
        absent: rule for classes of undefined precision.
    """
    return np.asarray(precision.mean(0) if absent == "mean" else nan_mean(precision, axis=0))


def characterized_truth(people: np.ndarray, parts: np.ndarray, values: np.ndarray) -> Instances:
    """Divide people into instances of one part and one characteristic each.

    Args:
        people: number of the person, integers [H,W], 0 = none.
        parts: class of the part, integers [H,W], 0 = none.
        values: size, pattern or color, integers [H,W], 0 = none.

    Source: loesch2021, which defines AP^cr in words.
    """
    key = (people.astype(np.int64) * 256 + parts) * 256 + values
    key[(people == 0) | (parts == 0) | (values == 0)] = 0
    found, index = np.unique(key, return_inverse=True)
    index = index.reshape(key.shape) + (found[0] != 0)
    labels = found[found != 0] % 256
    return Instances(index, labels, np.ones(len(labels)))


def characterized(
    parts: Instances, values: np.ndarray, rule: Literal["cut", "majority"] = "cut"
) -> Instances:
    """Give predicted parts the values of a predicted map of a characteristic.

    Args:
        parts: predicted parts.
        values: size, pattern or color, integers [H,W] below 256, 0 = none.
        rule: `cut`: each value in a part is an instance. `majority`: the part is an instance of its
            most frequent value, the smallest of equally frequent ones.

    Returns:
        Instances whose score is that of the part times the fraction of its pixels with the value.
        Parts without a value are left out.

    Source: ours; loesch2021 leaves rule and score open.
    """
    count = len(parts.labels)
    key = parts.index.astype(np.int64) * 256 + values
    pixels = np.bincount(key.ravel(), minlength=(count + 1) * 256).reshape(count + 1, 256)[1:]
    fractions = pixels / np.maximum(pixels.sum(1, keepdims=True), 1)
    valued = pixels[:, 1:]
    if rule == "majority":
        part = np.flatnonzero(valued.any(1))
        value = valued[part].argmax(1) + 1
        table = np.zeros((count + 1, 256), np.int64)
        table[part + 1] = np.arange(1, len(part) + 1)[:, None]
    else:
        part, value = np.nonzero(valued)
        value = value + 1
        table = np.zeros((count + 1, 256), np.int64)
        table[part + 1, value] = np.arange(1, len(part) + 1)
    scores = (parts.scores[part] * fractions[part, value]).round(DECIMALS)
    return Instances(table.ravel()[key], value, scores)


def _pairwise_iou(truth: Instances, predicted: Instances) -> np.ndarray:
    """IoU of each predicted with each true instance, float64 [P,G], in one pass over the pixels."""
    rows, columns = len(predicted.labels) + 1, len(truth.labels) + 1
    pairs = predicted.index.astype(np.int64) * columns + truth.index
    joint = np.bincount(pairs.ravel(), minlength=rows * columns).reshape(rows, columns)
    both = joint[1:, 1:]
    union = joint.sum(1)[1:, None] + joint.sum(0)[None, 1:] - both
    return ratio(both, union, undefined=0.0)


def _only_first(hits: np.ndarray, best: np.ndarray, scores: np.ndarray, truths: int) -> np.ndarray:
    """Keep the first hit of each true instance at each threshold, bool [D,T]."""
    kept = np.zeros_like(hits)
    taken = np.zeros((truths, hits.shape[1]), bool)
    for detection in np.argsort(scores, kind="stable")[::-1]:
        if truths:
            kept[detection] = hits[detection] & ~taken[best[detection]]
            taken[best[detection]] |= kept[detection]
    return kept
