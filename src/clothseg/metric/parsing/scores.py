"""Scores of human parsing over many pictures, and their JSON format."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clothseg.metric.average import nan_mean
from clothseg.metric.class_scores import class_scores
from clothseg.metric.names import PARTS
from clothseg.metric.parsing.coco import PersonMasks, compare_masks
from clothseg.metric.parsing.instances import (
    PERSON_THRESHOLDS,
    THRESHOLDS,
    Absent,
    Detections,
    Instances,
    Matching,
    characterized,
    characterized_truth,
    detect,
    mean_precision,
)
from clothseg.metric.parsing.people import People, compare_people

IOU, IOU_PER_IMAGE = "iou", "iou_per_image"
"""Keys of the IoU of each class, and of its mean over pictures."""


@dataclass(frozen=True)
class Rules:
    """Choices that programs and papers make differently, see :mod:`clothseg.metric.parsing`.

    Args:
        matching: whether several parts may hit the same true part.
        absent: whether parts that are predicted but do not exist are left out of the mean.
        characterized: how a characteristic divides a part.
        empty_people: count true people without any part.
    """

    matching: Matching = "reference"
    absent: Absent = "nanmean"
    characterized: Literal["cut", "majority"] = "cut"
    empty_people: bool = True


@dataclass(frozen=True)
class TruePicture:
    """Ground truth of a picture.

    Args:
        maps: class ids [H,W] of :data:`PARTS` and of each characteristic, 0 = none, 255 = ignore.
        person: number of the person, integers [H,W], 0 = none.
        instances: parts of people.
    """

    maps: Mapping[str, np.ndarray]
    person: np.ndarray
    instances: Instances

    def without(self, ignored: np.ndarray) -> "TruePicture":
        """Remove people and instances from pixels bool [H,W]; the maps stay as they are."""
        person = np.where(ignored, 0, self.person)
        return TruePicture(self.maps, person, self.instances.without(ignored))


@dataclass(frozen=True)
class PredictedPicture:
    """Prediction of a picture.

    Args:
        maps: class ids [H,W] of :data:`PARTS` and of each characteristic that is predicted.
        instances: parts of people.
        people: class ids [H,W] of each person, 0 outside of it; None if people are not told apart.
        scores: score of each person, float [M].
        masks: mask of each person, bool [H,W]; None for the union of its parts, as in a submission,
            which lacks the pixels of no part.
    """

    maps: Mapping[str, np.ndarray]
    instances: Instances
    people: Sequence[np.ndarray] | None
    scores: np.ndarray
    masks: Sequence[np.ndarray] | None = None

    def without(self, ignored: np.ndarray) -> "PredictedPicture":
        """Remove people and instances from pixels bool [H,W]; the maps stay as they are."""
        people, masks = self.people, self.masks
        return PredictedPicture(
            self.maps,
            self.instances.without(ignored),
            None if people is None else [np.where(ignored, 0, parts) for parts in people],
            self.scores,
            None if masks is None else [mask & ~ignored for mask in masks],
        )


@dataclass(frozen=True)
class PictureScores:
    """Counts and ranks that are kept of one picture.

    Args:
        index: position among the pictures.
        iou: IoU of each value of each map, float64 [K]; NaN if it is in neither.
        parts: detected parts.
        characterized: detected characterized parts of each kind.
        people: detected people; None if they are not told apart.
        masks: detected masks of people; None likewise.
    """

    index: int
    iou: Mapping[str, np.ndarray]
    parts: Detections
    characterized: Mapping[str, Detections]
    people: People | None
    masks: PersonMasks | None


class ParsingScores:
    """Scores that are updated picture by picture; only counts and ranks are kept.

    Args:
        names: names of the values of :data:`PARTS` and of each characteristic, in id order.
        rules: choices between definitions.
    """

    def __init__(self, names: Mapping[str, Sequence[str]], rules: Rules) -> None:
        self.names, self.rules = names, rules
        self.matrices = {kind: np.zeros((len(n), len(n)), np.int64) for kind, n in names.items()}
        self.pictures: list[PictureScores] = []

    @classmethod
    def joined(cls, several: Sequence["ParsingScores"]) -> "ParsingScores":
        """Join the scores of different pictures with the same names and rules.

        Ranks of equal scores follow the positions of the pictures, however they were divided.
        """
        first = several[0]
        result = cls(first.names, first.rules)
        kinds = [kind for kind in first.names if all(kind in one.matrices for one in several)]
        result.matrices = {
            kind: np.sum([one.matrices[kind] for one in several], axis=0) for kind in kinds
        }
        pictures = [picture for one in several for picture in one.pictures]
        result.pictures = sorted(pictures, key=lambda picture: picture.index)
        return result

    def add(self, truth: TruePicture, predicted: PredictedPicture, index: int = 0) -> None:
        """Add a picture, whose maps have the same size and ids below the numbers of names.

        Characteristics that the prediction lacks anywhere have no scores; people neither.

        Args:
            truth: ground truth.
            predicted: prediction.
            index: position among the pictures, if these are divided among processes.
        """
        rules, classes = self.rules, len(self.names[PARTS])
        iou, divided_parts = {}, {}
        people = masks = None
        ignored = truth.maps[PARTS] >= classes
        if ignored.any():
            predicted, truth = predicted.without(ignored), truth.without(ignored)
        for kind in list(self.matrices):
            if kind not in predicted.maps:
                del self.matrices[kind]
                continue
            matrix = _confusion(truth.maps[kind], predicted.maps[kind], len(self.names[kind]))
            self.matrices[kind] += matrix
            iou[kind] = class_scores(matrix).iou
        true, found = truth.instances, predicted.instances
        parts = detect(true, found, classes - 1, matching=rules.matching)
        visible = np.where(truth.maps[PARTS] < classes, truth.maps[PARTS], 0)
        for kind in self.matrices.keys() - {PARTS}:
            values = len(self.names[kind])
            known = np.where(truth.maps[kind] < values, truth.maps[kind], 0)
            divided = characterized(found, predicted.maps[kind], rules.characterized)
            expected = characterized_truth(truth.person, visible, known)
            one = detect(expected, divided, values - 1, matching=rules.matching)
            divided_parts[kind] = one
        if predicted.people is not None:
            maps, scores, keep = predicted.people, predicted.scores, rules.empty_people
            person = truth.person
            people = compare_people(person, visible, maps, scores, classes, THRESHOLDS, keep)
            whole = maps if predicted.masks is None else predicted.masks
            masks = compare_masks(person, whole, scores)
        self.pictures.append(PictureScores(index, iou, parts, divided_parts, people, masks))

    def card(self) -> dict[str, Any]:
        """Convert the scores to plain Python values for JSON; None if undefined.

        `vol` is the mean over the IoU thresholds 0.1 to 0.9; in `person_ap`, COCO's AP of the masks
        of people, over 0.5 to 0.95.
        """
        kinds = [kind for kind in self.names if kind != PARTS]
        return {
            "num_images": len(self.pictures),
            **self._classes(PARTS),
            "apr": self._precision([picture.parts for picture in self.pictures], PARTS),
            **self._people(),
            "apcr": {
                kind: self._precision([p.characterized[kind] for p in self.pictures], kind)
                if kind in self.matrices
                else None
                for kind in kinds
            },
            "characteristics": {
                kind: self._classes(kind) if kind in self.matrices else None for kind in kinds
            },
        }

    def _classes(self, kind: str) -> dict[str, Any]:
        """Scores of the pixels of a map.

        The mean is over classes that occur in the truth or in a prediction; `miou_per_image` is the
        mean over pictures of that of a picture, and `iou_per_image` that of a class over pictures
        in which it occurs. loesch2021 does not say which of them its Table 1 shows.
        """
        iou, names = class_scores(self.matrices[kind]).iou, self.names[kind]
        pictures = np.array([picture.iou[kind] for picture in self.pictures])
        return {
            "miou": _number(nan_mean(iou)),
            "miou_foreground": _number(nan_mean(iou[1:])),
            "miou_per_image": _number(nan_mean(nan_mean(pictures, axis=1))),
            IOU: dict(zip(names, map(_number, iou), strict=True)),
            IOU_PER_IMAGE: dict(zip(names, map(_number, nan_mean(pictures, axis=0)), strict=True)),
        }

    def _precision(self, pictures: Sequence[Detections], kind: str) -> dict[str, Any]:
        joined = Detections.joined(pictures)
        precision = joined.precision
        means = mean_precision(precision, self.rules.absent)
        return _levels(means) | {
            "per_class": dict(
                zip(self.names[kind][1:], map(_number, precision.mean(1)), strict=True)
            )
        }

    def _people(self) -> dict[str, Any]:
        found = [picture.people for picture in self.pictures if picture.people is not None]
        masks = [picture.masks for picture in self.pictures if picture.masks is not None]
        if len(found) < len(self.pictures):
            return {"app": None, "pcp": None, "person_ap": None}
        joined = People.joined(found)
        return {
            "app": _levels(joined.precision),
            "pcp": _levels(joined.correct_parts),
            "person_ap": _levels(PersonMasks.joined(masks).precision, PERSON_THRESHOLDS, (50, 75)),
        }


def _confusion(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count true and predicted ids, int64 [K,K]; true ids from K are ignored."""
    valid = true < classes
    pairs = true[valid].astype(np.int64) * classes + predicted[valid]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def _levels(
    values: np.ndarray,
    thresholds: Sequence[float] = THRESHOLDS,
    shown: Sequence[int] = (50,),
) -> dict[str, Any]:
    """Describe scores at thresholds: their mean, those at the percentages shown, and all."""
    single = {f"at_{p}": _number(values[thresholds.index(p / 100)]) for p in shown}
    return {
        "vol": _number(values.mean()),
        **single,
        "per_threshold": list(map(_number, values)),
    }


def _number(value: "float | np.ndarray") -> float | None:
    number = float(value)
    return None if math.isnan(number) else number
