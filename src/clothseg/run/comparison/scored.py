"""Scored configurations, and the test of two of them."""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from clothseg.error import DataError
from clothseg.metric.class_scores import image_iou
from clothseg.metric.names import IOU_IMAGE, IOU_PLUS, Score
from clothseg.metric.scorecard import card_score
from clothseg.metric.significance.bootstrap import Draws, percentile_interval
from clothseg.metric.significance.paired import difference, permutation_test
from clothseg.metric.significance.resampled_t import resampled_t_test
from clothseg.metric.significance.seeds_t import mean_scores, seeds_t_test
from clothseg.metric.significance.terms import Terms
from clothseg.run.finished import FinishedRun
from clothseg.run.tables import ImageTable

Method = Literal["images", "seeds", "folds"]
"""Test of two configurations, see :mod:`clothseg.run.comparison`."""

DRAWS = 1000
"""Draws of test images for an interval; other draws would shift its limits by 2 % of its width."""

Read = Callable[[Path], ImageTable]
"""Reader of the scores of each test image of a run folder; raises DataError."""


@dataclass(frozen=True)
class Bounds:
    """Score of a configuration with its interval of 95 %.

    Args:
        value: mean over folds and seeds.
        low: lower limit.
        high: upper limit.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """Difference of the scores of two configurations, one minus other; NaN where undefined.

    Args:
        method: how it was tested.
        value: the difference, float64, scalar or [K].
        low: lower limit of its interval of 95 %.
        high: upper limit.
        p: two-sided p-value, 0 to 1.
    """

    method: Method
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


@dataclass(frozen=True)
class ScoredPart:
    """Test part of a run, without the names of its images.

    Args:
        dataset: option of the dataset.
        division: hash of the partition of the dataset.
        fold: tested fold; None for a split without folds.
        number: number of test images.
        classes: names of the classes in id order.
    """

    dataset: str
    division: str
    fold: int | None
    number: int
    classes: tuple[str, ...]

    @classmethod
    def of(cls, run: FinishedRun) -> "ScoredPart":
        """Describe the test part of a run."""
        dataset, metrics = run.config["choices"].get("dataset", ""), run.metrics
        test = metrics["test"]
        classes = tuple(row["name"] for row in test["per_class"])
        return cls(dataset, metrics["division"], run.fold, test["num_images"], classes)


@dataclass(frozen=True)
class ImageTerms:
    """Terms of the test images of runs that were tested on the same.

    Args:
        names: hash of the names of the images.
        runs: terms of each run, with the images in the same order.
    """

    names: int
    runs: Sequence[Terms]

    @property
    def draws(self) -> Draws:
        """Draws of these images, the same for all configurations, and others for other images."""
        return Draws(len(self.runs[0].images), DRAWS, seed=self.names)


@dataclass(frozen=True)
class Scored:
    """Configuration with the scores of its runs.

    Args:
        score: the compared score.
        runs: runs by test part, with ascending seeds.
        images: terms of each test part; empty if they are missing, or if the score has none.
        obstacle: reason why there are none.
        class_name: the class of which the score is compared; None for that of the dataset.
    """

    score: Score
    runs: Mapping[ScoredPart, Sequence[FinishedRun]]
    images: Mapping[ScoredPart, ImageTerms]
    obstacle: str = ""
    class_name: str | None = None

    @classmethod
    def of(
        cls,
        runs: Sequence[FinishedRun],
        score: Score,
        read: Read,
        class_name: str | None = None,
    ) -> "Scored":
        """Read the scores of each test image, one file per run, if they matter for the score.

        Args:
            runs: runs with a class of that name.
            score: the score; with a class, one that exists per class.
            read: reads the scores of each image of a run.
            class_name: see above.
        """
        parts: dict[ScoredPart, list[FinishedRun]] = {}
        for run in sorted(runs, key=lambda run: run.seed):
            parts.setdefault(ScoredPart.of(run), []).append(run)
        if not score.from_matrix and score not in (IOU_IMAGE, IOU_PLUS):
            obstacle = f"{score.title} has no value for each image"
            return cls(score, parts, {}, obstacle, class_name)
        try:
            images = {part: _read(parts[part], score, read, class_name) for part in parts}
        except DataError as error:
            return cls(score, parts, {}, str(error), class_name)
        return cls(score, parts, images, class_name=class_name)

    def bounds(self) -> Bounds | None:
        """Compute the bootstrap interval over test images; None without scores of images."""
        if not self.images:
            return None
        drawn = [mean_scores(part.runs, part.draws) for part in self.images.values()]
        means = [np.mean([run.value for run in part.runs]) for part in self.images.values()]
        found = percentile_interval(np.asarray(np.mean(means)), np.mean(drawn, axis=0), 0.95)
        return Bounds(float(found.value), float(found.low), float(found.high))

    def method(self, other: "Scored") -> Method:
        """Select the test for this configuration and another with the same test images."""
        if len(self.runs) > 1:
            return "folds"
        counts = [len(runs) for tested in (self, other) for runs in tested.runs.values()]
        return "images" if counts == [1, 1] else "seeds"

    def obstacle_to(self, other: "Scored") -> str:
        """Explain why this configuration and another cannot be tested; empty if they can."""
        if self.runs.keys() != other.runs.keys():
            return "other test images or classes"
        if self.method(other) == "folds":
            return ""
        if obstacle := self.obstacle or other.obstacle:
            return obstacle
        same = all(self.images[part].names == other.images[part].names for part in self.images)
        return "" if same else "other test images"

    def minus(self, other: "Scored", permutations: int, per_class: bool = False) -> Difference:
        """Test the difference to another configuration that has no obstacle.

        Args:
            other: the other configuration.
            permutations: number of random permutations, if images are permuted.
            per_class: test each class.
        """
        method = self.method(other)
        if method == "folds":
            return self._minus_by_fold(other, per_class)
        (mine,), (others,) = self.images.values(), other.images.values()
        one, two = (
            [replace(terms, per_class=per_class) for terms in part.runs] for part in (mine, others)
        )
        if method == "seeds":
            t = seeds_t_test(one, two, mine.draws)
            return Difference(method, t.difference, t.low, t.high, t.p)
        found = difference(one[0], two[0], mine.draws)
        p = permutation_test(one[0], two[0], permutations)
        return Difference(method, found.value, found.low, found.high, p)

    def _minus_by_fold(self, other: "Scored", per_class: bool) -> Difference:
        """Test the differences of each fold, with the seeds of both in ascending order."""
        rows = [
            np.subtract(*_paired(self._scores(part, per_class), other._scores(part, per_class)))
            for part in self.runs
        ]
        differences = np.concatenate(rows)  # [kr] or [kr,K]
        test_images = sum(part.number for part in self.runs) / len(self.runs)
        train_images = test_images * _train_ratio(next(iter(self.runs.values()))[0])
        columns = differences.reshape(len(differences), -1).T
        tests = [resampled_t_test(one, train_images, test_images) for one in columns]
        values = np.array([[t.difference, t.low, t.high, t.p] for t in tests]).T
        shape = differences.shape[1:]
        return Difference("folds", *(value.reshape(shape) for value in values))

    def _scores(self, part: ScoredPart, per_class: bool) -> np.ndarray:
        """Score of each run of a test part, float64 [r], or [r,K] per class; NaN if undefined."""
        cards = [run.metrics["test"] for run in self.runs[part]]
        if per_class:
            values = [[row.get(self.score.key) for row in card["per_class"]] for card in cards]
            return np.array(values, np.float64)
        return np.array([card_score(card, self.score, self.class_name) for card in cards], float)


def _read(
    runs: Sequence[FinishedRun], score: Score, read: Read, class_name: str | None
) -> ImageTerms:
    """Read the terms of runs with one test part, those of one class or of all.

    Raises:
        DataError: a file is missing or damaged, or the images differ.
    """
    tables = [read(run.folder) for run in runs]
    classes = ScoredPart.of(runs[0]).classes
    for run, table in zip(runs, tables, strict=True):
        fits = table.counts.shape[2] == len(classes)
        if not fits or not np.array_equal(table.names, tables[0].names):
            raise DataError(f"{run.folder} has scores of other images or classes than expected")
    digest = hashlib.blake2b("\n".join(tables[0].names.tolist()).encode(), digest_size=6).digest()
    columns = slice(None) if class_name is None else [classes.index(class_name)]
    terms = [_terms(table, score, columns) for table in tables]
    return ImageTerms(int.from_bytes(digest), terms)


def _terms(table: ImageTable, score: Score, columns: slice | list[int]) -> Terms:
    """Take the terms of some classes, over which the score of the dataset is the mean."""
    counts = table.counts[:, :, columns]
    if score.from_matrix:
        return Terms.of_counts(counts, score)
    values = image_iou(counts) if score == IOU_IMAGE else table.iou_plus[:, columns]
    return Terms.of_images(values, score)


def _paired(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of both by seed, or their means where the numbers of seeds differ."""
    if len(one) == len(other):
        return one, other
    return one.mean(0, keepdims=True), other.mean(0, keepdims=True)


def _train_ratio(run: FinishedRun) -> float:
    """Return the number of training images of a fold for each of its test images."""
    split = run.config["config"]["split"]
    validation = split.get("validation", 0.0)
    held = validation if isinstance(validation, float) and 0 < validation < 1 else 0.0
    folds = split.get("folds")
    others = folds - 1 if isinstance(folds, int) and folds > 1 else math.inf
    return others * (1 - held)
