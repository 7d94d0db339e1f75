"""Scores of a set of images as functions of sums over its images."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from clothseg.metric.average import nan_mean, ratio
from clothseg.metric.class_scores import CountScore, count_score
from clothseg.metric.names import ACCURACY, BINARY_IOU, Score

BLOCK = 4_000_000
"""Weights that are in memory at once, 32 MB."""


@dataclass(frozen=True)
class Terms:
    """Terms of N images (or other independent units), whose sums over any of them give a score.

    Args:
        images: terms of each image, float64 [N,T,K]. Sums of pixel counts are exact.
        score: the score.
        per_class: True for the score of each class [K], False for that of the dataset, which
            is the mean over the classes that occur if the score exists per class.
    """

    images: np.ndarray
    score: Score
    per_class: bool = False

    @classmethod
    def of_counts(cls, counts: np.ndarray, score: Score, per_class: bool = False) -> "Terms":
        """Take a score of the pixels of all images, such as IoU.

        Args:
            counts: true positives, false positives, false negatives of each image, int64 [N,3,K].
            score: a score that follows from the confusion matrix.
            per_class: see above.

        Raises:
            ValueError: the counts have another shape, or the score is not one of these.
        """
        if counts.ndim != 3 or counts.shape[1] != 3:
            raise ValueError(f"counts {list(counts.shape)} must be [N,3,K]")
        if not score.from_matrix:
            raise ValueError(f"{score.title} does not follow from pixel counts")
        return cls._checked(counts, score, per_class)

    @classmethod
    def of_images(cls, values: np.ndarray, score: Score, per_class: bool = False) -> "Terms":
        """Take a score that is a mean over images, such as IoU+.

        Args:
            values: score of each image and class, float64 [N,K]; NaN is left out of the mean.
            score: a score that exists per class and per image, and does not follow from the matrix.
            per_class: see above.

        Raises:
            ValueError: the values have another shape, or the score is not one of these.
        """
        if values.ndim != 2:
            raise ValueError(f"values {list(values.shape)} must be [N,K]")
        if score.from_matrix or not score.per_image:
            raise ValueError(f"{score.title} is not a mean over images")
        defined = ~np.isnan(values)
        return cls._checked(
            np.stack([np.where(defined, values, 0.0), defined], axis=1), score, per_class
        )

    @classmethod
    def _checked(cls, images: np.ndarray, score: Score, per_class: bool) -> "Terms":
        if len(images) == 0:
            raise ValueError("there is no image")
        if per_class and not score.per_class:
            raise ValueError(f"{score.title} does not exist per class")
        return cls(images.astype(np.float64), score, per_class)

    def grouped(self, groups: np.ndarray) -> "Terms":
        """Combine dependent images into one unit each, which leaves the score as it is.

        Args:
            groups: group of each image, such as near-duplicates, or the run that tested it, [N].
        """
        names, position = np.unique(groups, return_inverse=True)
        sums = np.zeros((len(names), *self.images.shape[1:]))
        np.add.at(sums, position, self.images)
        return replace(self, images=sums)

    @property
    def value(self) -> np.ndarray:
        """Score of all images, float64, scalar or [K]."""
        return self.values(self.images.sum(0))

    def values(self, sums: np.ndarray) -> np.ndarray:
        """Compute the score of sets of images from sums of their terms.

        Args:
            sums: float64 [...,T,K].

        Returns:
            Score of each set, float64 [...], or [...,K] per class; NaN if undefined.
        """
        terms = np.moveaxis(sums, -2, 0)
        if self.score == ACCURACY:
            true_positive, _, false_negative = terms
            return ratio(true_positive.sum(-1), (true_positive + false_negative).sum(-1))
        if self.score == BINARY_IOU:
            true_positive, false_positive, false_negative = terms
            union = (true_positive + false_negative).sum(-1) - true_positive[..., 0]
            return ratio(union - false_positive[..., 0] - false_negative[..., 0], union)
        if self.score.from_matrix:
            classes = count_score(terms, cast(CountScore, self.score.key))
        else:
            classes = ratio(*terms)
        return classes if self.per_class else nan_mean(classes, axis=-1)

    def require_comparable(self, other: "Terms") -> None:
        """Check that another configuration has the same score of as many images and classes.

        Raises:
            ValueError: it does not.
        """
        mine, others = ((t.score, t.per_class, t.images.shape) for t in (self, other))
        if mine != others:
            raise ValueError(
                f"{self.score.title} of {list(self.images.shape)} and {other.score.title} of "
                f"{list(other.images.shape)} are not the same score of the same images"
            )


def block_lengths(rows: int, images: int) -> Iterator[int]:
    """Split rows of weights of N images into blocks of bounded memory; yield rows of each."""
    step = max(1, BLOCK // images)
    for start in range(0, rows, step):
        yield min(step, rows - start)


def weighted_sums(blocks: Iterable[np.ndarray], terms: np.ndarray) -> np.ndarray:
    """Sum the terms of images with each row of weights.

    Args:
        blocks: weights of the images, float64 [b,N] each.
        terms: float64 [N,T,K].

    Returns:
        Sums float64 [B,T,K]; B is the number of rows of all blocks.
    """
    flat = terms.reshape(len(terms), -1)
    return np.concatenate([block @ flat for block in blocks]).reshape(-1, *terms.shape[1:])
