"""Metric of semantic segmentation, exact for any number of processes and any order of samples."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from clothseg.metric.average import image_mean, ratio
from clothseg.metric.boundary import boundary_counts
from clothseg.metric.class_scores import ClassScores, count_scores, image_iou
from clothseg.metric.confusion import image_confusion, image_counts
from clothseg.metric.connected import connected_scores
from clothseg.metric.names import BOUNDARY_IOU, COSTLY, IOU_PLUS, Score, task_scores

Column = np.ndarray | float | None
"""Values of a score: float64 [K] if it exists per class, else a number; None if not computed."""


@dataclass(kw_only=True)
class ImageScores:
    """Counts of N images with K classes, and the scores derived from them.

    Args:
        index: sample index of each image, ascending, int64 [N].
        image_counts: true positives, false positives, false negatives of each image, int64 [N,3,K].
        image_iou_plus: score of Eq. 12 of each image, float64 [N,K]; None if not computed.
    """

    columns_of: ClassVar[tuple[Score, ...]] = tuple(
        score for score in task_scores("semantic") if score.per_image
    )

    index: np.ndarray
    image_counts: np.ndarray
    image_iou_plus: np.ndarray | None

    def select(self, images: np.ndarray) -> "ImageScores":
        """Return the scores of a subset of the images, selected by a mask bool [N]."""
        iou_plus = self.image_iou_plus
        return ImageScores(
            index=self.index[images],
            image_counts=self.image_counts[images],
            image_iou_plus=None if iou_plus is None else iou_plus[images],
        )

    def columns(self) -> dict[str, Column]:
        """Return all scores that are defined for these images by key."""
        others = [score.key for score in self.columns_of if not score.from_matrix]
        return {**self.classes.columns(), **{key: getattr(self, key) for key in others}}

    def blocks(self) -> dict[str, Any]:
        """Entries of a scorecard besides the scores of classes."""
        return {}

    @property
    def classes(self) -> ClassScores:
        """Scores of each class over the pixels of all images."""
        return count_scores(self.image_counts.sum(0))

    @property
    def in_target(self) -> np.ndarray:
        """True if the ground truth of an image has the class, bool [N,K]."""
        return np.asarray(self.image_counts[:, 0] + self.image_counts[:, 2] > 0)

    @property
    def image_iou(self) -> np.ndarray:
        """IoU of each image, float64 [N,K]; NaN if the class is in neither mask."""
        return image_iou(self.image_counts)

    @property
    def iou_image(self) -> np.ndarray:
        """Mean over images of the IoU of each class [K]. Source: dang2020, Eq. 9."""
        return image_mean(self.image_iou, self.in_target)

    @property
    def iou_plus(self) -> np.ndarray | None:
        """IoU+ of each class [K]. Source: dang2020, Eq. 13."""
        if self.image_iou_plus is None:
            return None
        return image_mean(self.image_iou_plus, self.in_target)


@dataclass(kw_only=True)
class Scores(ImageScores):
    """Counts of each image, and counts that exist only for all images together.

    Args:
        matrix: confusion matrix int64 [K,K] over all images; rows are the ground truth.
        boundary: intersection and union of the boundary bands over all images, int64 [2,K]; None
            if not computed.
    """

    columns_of: ClassVar[tuple[Score, ...]] = task_scores("semantic")

    matrix: np.ndarray
    boundary: np.ndarray | None

    @property
    def boundary_iou(self) -> np.ndarray | None:
        """Boundary IoU of each class [K]; NaN for a class without pixels."""
        if self.boundary is None:
            return None
        intersection, union = self.boundary
        return ratio(intersection, union)


class SegmentationScores(Metric):
    """Metric that compares predictions with the ground truth; `compute` returns :class:`Scores`.

    The result is bit-identical for any order or size of batches and any number of processes: pixels
    are counted in integers, and images are sorted by sample index.

    Args:
        classes: number of classes K, at most 255.
        costly: keys of the costly scores to compute as well, on the CPU; see
            :data:`clothseg.metric.names.COSTLY`.

    Raises:
        ValueError: a key is not that of a costly score.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = None

    matrix: Tensor

    def __init__(self, classes: int, costly: Collection[str] = ()) -> None:
        super().__init__()
        if unknown := sorted({*costly} - {*COSTLY}):
            raise ValueError(f"costly: {unknown} must be among {', '.join(COSTLY)}")
        self.num_classes = classes
        zeros = torch.zeros(classes, classes, dtype=torch.int64)
        self.add_state("matrix", zeros, dist_reduce_fx="sum")
        self._empty_states = {
            "index": torch.empty(0, dtype=torch.int64),
            "counts": torch.empty(0, 3, classes, dtype=torch.int64),
        }
        if IOU_PLUS.key in costly:
            self._empty_states["iou_plus"] = torch.empty(0, classes, dtype=torch.float64)
        if BOUNDARY_IOU.key in costly:
            self._empty_states["boundary"] = torch.empty(0, 2, classes, dtype=torch.int64)
        for name in self._empty_states:
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, prediction: Tensor, target: Tensor, index: Tensor) -> None:
        """Add the counts of one batch.

        Args:
            prediction: class ids [B,H,W], uint8 or int64.
            target: true class ids [B,H,W], 255 = ignore.
            index: sample index of each image, int64 [B].

        Raises:
            ValueError: the shapes differ, or an id is outside 0 to K-1.
        """
        confusion = image_confusion(prediction, target, self.num_classes).to(self.device)
        self.matrix += confusion.sum(0)
        self._append("index", index)
        self._append("counts", image_counts(confusion))
        for name, compare in (("iou_plus", connected_scores), ("boundary", boundary_counts)):
            if name in self._empty_states:
                pairs = zip(_uint8(prediction), _uint8(target), strict=True)
                rows = [compare(*pair, self.num_classes) for pair in pairs]
                self._append(name, torch.from_numpy(np.stack(rows)))

    def compute(self) -> Scores:
        """Compute the scores over all samples of all processes.

        Raises:
            ValueError: a sample was counted more than once, e.g. by a sampler that pads its shards.
        """
        index = self._concatenate("index")
        order = np.argsort(index)
        index = index[order]
        if np.any(index[1:] == index[:-1]):
            repeated = np.unique(index[1:][index[1:] == index[:-1]])
            raise ValueError(
                f"samples counted more than once: {len(repeated)}, the first has index "
                f"{repeated[0]}; evaluation must see every sample exactly once"
            )
        iou_plus, boundary = (
            self._concatenate(name) if name in self._empty_states else None
            for name in ("iou_plus", "boundary")
        )
        return Scores(
            matrix=self.matrix.cpu().numpy().copy(),  # later updates modify the state in place
            index=index,
            image_counts=self._concatenate("counts")[order],
            image_iou_plus=None if iou_plus is None else iou_plus[order],
            boundary=None if boundary is None else boundary.sum(0),
        )

    def sync(self, *args: Any, **kwargs: Any) -> None:
        """Gather the states of all processes.

        For a process without samples torchmetrics sends a flat float tensor as a placeholder, which
        cannot be gathered with the others; an empty tensor of the right shape and type can.
        """
        for name, empty in self._empty_states.items():
            state = getattr(self, name)
            if isinstance(state, list) and not state:
                state.append(empty.to(self.device))
        super().sync(*args, **kwargs)

    def _append(self, name: str, rows: Tensor) -> None:
        getattr(self, name).append(rows.to(self.device))

    def _concatenate(self, name: str) -> np.ndarray:
        state = getattr(self, name)
        # A gathered state is a single tensor; otherwise it is a list, initially empty.
        if not isinstance(state, Tensor):
            state = torch.cat([self._empty_states[name], *_cpu(state)])
        return state.cpu().numpy()


class ConfusionMatrix(Metric):
    """Metric of the confusion matrix alone, exact for any number of processes.

    Unlike for :class:`SegmentationScores`, an image may be counted more than once.

    Args:
        classes: number of classes K, at most 255.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = None

    matrix: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.num_classes = classes
        zeros = torch.zeros(classes, classes, dtype=torch.int64)
        self.add_state("matrix", zeros, dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add the pixels of one batch; arguments and errors as in `SegmentationScores`."""
        self.matrix += image_confusion(prediction, target, self.num_classes).sum(0)

    def compute(self) -> np.ndarray:
        """Return the counts of all processes, int64 [K,K]; rows are the ground truth."""
        return self.matrix.cpu().numpy().copy()


def _cpu(rows: list[Tensor]) -> list[Tensor]:
    return [row.cpu() for row in rows]


def _uint8(masks: Tensor) -> np.ndarray:
    return masks.to(torch.uint8).cpu().numpy()
