"""Scores of human parsing against plain loops over masks."""

from functools import partial

import numpy as np

from clothseg.benchmark.comparison import (
    Comparison,
    Goal,
    Side,
    elapsed_seconds,
    measure_alternately,
)
from clothseg.config.settings import Benchmark
from clothseg.metric.parsing.instances import Instances, detect
from clothseg.metric.parsing.people import compare_people

IMAGE_SIZE = 512
REPETITIONS = 5
PEOPLE, PARTS, CLASSES = 12, 7, 20
"""People in a picture, parts of each, and classes of CIHP with the background."""
SHIFT = 6
"""Offset of a prediction from the ground truth, pixels."""


def compare(settings: Benchmark) -> list[Comparison]:
    """Compare AP^r, AP^p and PCP of a picture of 12 people with loops over their masks."""
    size = settings.image_size or IMAGE_SIZE
    people, parts = _crowd(size)
    sides = [partial(elapsed_seconds, partial(score, people, parts)) for score in (_ours, _theirs)]
    ours, theirs = measure_alternately(sides, settings.repetitions or REPETITIONS)
    return [
        Comparison(
            title="scores of human parsing against loops over masks",
            unit="s/picture",
            conditions=f"{size} px, {PEOPLE} people of {PARTS} parts",
            clothseg=Side("hits of parts and of people at nine thresholds", ours),
            rival=Side("IoU of each pair of masks of one class, in NumPy", theirs),
            goal=Goal(">=", 20),
            is_speedup=True,
        )
    ]


def _crowd(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Maps [H,W] of people side by side and of their parts, one above the other."""
    rows, columns = np.mgrid[:size, :size]
    people = columns * PEOPLE // size + 1
    parts = rows * PARTS // size + 1 + people % (CLASSES - PARTS)
    background = (columns * PEOPLE) % size < size // 4
    return np.where(background, 0, people), np.where(background, 0, parts)


def _shifted(values: np.ndarray) -> np.ndarray:
    return np.roll(values, SHIFT, (0, 1))


def _ours(people: np.ndarray, parts: np.ndarray) -> None:
    """Score a picture with clothseg."""
    maps = [np.where(_shifted(people) == k, _shifted(parts), 0) for k in range(1, PEOPLE + 1)]
    scores = np.linspace(0.1, 0.9, PEOPLE)
    coded = np.where(people > 0, (people - 1) * CLASSES + parts, 0)
    labels = [(int(value), int(value) % CLASSES) for value in np.unique(coded) if value]
    truth, found = (Instances.numbered(values, labels) for values in (coded, _shifted(coded)))
    detect(truth, found, CLASSES - 1)
    compare_people(people, parts, maps, scores, CLASSES)


def _theirs(people: np.ndarray, parts: np.ndarray) -> None:
    """Baseline: compute only the IoU that the same scores need, mask by mask."""
    predicted_people, predicted_parts = _shifted(people), _shifted(parts)
    for person in range(1, PEOPLE + 1):
        predicted = np.where(predicted_people == person, predicted_parts, 0)
        for other in range(1, PEOPLE + 1):
            true = np.where(people == other, parts, 0)
            for label in range(CLASSES):
                _iou(predicted == label, true == label)


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))
