"""IoU+: agreement of the connected components of a prediction with those of the ground truth."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import coo_array, csgraph

from clothseg.labels import IGNORE

_CONJUNCTIONS = {"min": np.minimum, "product": np.multiply}


@dataclass(frozen=True)
class Components:
    """Connected components of all classes of one mask; ignored pixels form components too.

    A run is a maximal sequence of equal values in a row of the mask.

    Args:
        is_start: True if a run starts at the pixel, bool [H,W].
        run: run of each pixel, numbered in reading order, int32 [H,W].
        component: component of each run, 0 to n-1, int32 [R].
        classes: class of each component, 255 for ignored pixels, uint8 [n].
        sizes: pixels of each component, int64 [n].
    """

    is_start: np.ndarray
    run: np.ndarray
    component: np.ndarray
    classes: np.ndarray
    sizes: np.ndarray


def connected_components(mask: np.ndarray, connectivity: Literal[4, 8] = 8) -> Components:
    """Find the components of all classes of one mask uint8 [H,W] in a single pass.

    A graph connects runs that touch in neighboring rows. Unlike labeling the classes sequentially,
    the cost does not depend on their number.
    """
    is_start = np.ones(mask.shape, bool)
    np.not_equal(mask[:, 1:], mask[:, :-1], out=is_start[:, 1:])
    run = np.cumsum(is_start, dtype=np.int32).reshape(mask.shape) - 1
    starts = np.flatnonzero(is_start)
    upper, lower = _touching_runs(mask, is_start, run, connectivity)
    graph = coo_array((np.ones(len(upper), np.int8), (upper, lower)), shape=(len(starts),) * 2)
    count, component = csgraph.connected_components(graph, directed=False)
    classes = np.empty(count, np.uint8)
    classes[component] = mask.ravel()[starts]
    sizes = np.zeros(count, np.int64)
    np.add.at(sizes, component, np.diff(starts, append=mask.size))
    return Components(is_start, run, component, classes, sizes)


def _touching_runs(
    mask: np.ndarray, is_start: np.ndarray, run: np.ndarray, connectivity: Literal[4, 8]
) -> tuple[np.ndarray, np.ndarray]:
    """Find pairs (upper, lower) of runs with equal values that touch across two rows."""
    above, below = mask[:-1], mask[1:]
    # The overlap of two runs begins at the column where the later one starts.
    touch = (above == below) & (is_start[:-1] | is_start[1:])
    upper, lower = [run[:-1][touch]], [run[1:][touch]]
    if connectivity == 8:
        left, right = np.s_[:, :-1], np.s_[:, 1:]
        for one, other in ((left, right), (right, left)):
            corner = (above[one] == below[other]) & (above[one] != below[one])
            upper.append(run[:-1][one][corner])
            lower.append(run[1:][other][corner])
    return np.concatenate(upper), np.concatenate(lower)


def connected_scores(
    prediction: np.ndarray,
    target: np.ndarray,
    classes: int,
    connectivity: Literal[4, 8] = 8,
    conjunction: Literal["min", "product"] = "min",
) -> np.ndarray:
    """Compute the segmentation score SS of one image: components matched in both directions.

    Args:
        prediction: class ids uint8 [H,W].
        target: true class ids uint8 [H,W]; pixels of 255 belong to no component of either mask.
        classes: number of classes K.
        connectivity: 8 connects pixels that touch at a corner, 4 does not.
        conjunction: combination of the two directions. `min` gives SS = IoU for a single component
            in each mask; `product` would square it.

    Returns:
        Scores float64 [K] in 0 to 1: 0 for a class in only one mask, NaN for one in neither.

    Source: dang2020, Eq. 11 and 12. The paper specifies neither the connectivity nor its "and".
    """
    prediction = np.where(target == IGNORE, target, prediction)
    predicted = connected_components(prediction, connectivity)
    true = connected_components(target, connectivity)
    u, v, iou = _overlaps(predicted, true)
    predicted_score, predicted_count = _mean_best_iou(predicted, u, iou)
    true_score, true_count = _mean_best_iou(true, v, iou)
    score = _CONJUNCTIONS[conjunction](predicted_score, true_score)
    return np.where(predicted_count + true_count > 0, score, np.nan)[:classes]


def _overlaps(predicted: Components, true: Components) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find overlapping pairs (u, v) of components of a class and the IoU of each pair, all [P]."""
    # Neither mask changes between two of these pixels, so each represents all up to the next one.
    changes = predicted.is_start | true.is_start
    length = np.diff(np.flatnonzero(changes), append=changes.size)
    u, v = predicted.component[predicted.run[changes]], true.component[true.run[changes]]
    same = predicted.classes[u] == true.classes[v]
    # Count only pairs that occur: noisy masks have thousands of components, and a table of all
    # pairs would not fit into memory.
    code = u[same].astype(np.int64) * len(true.sizes) + v[same]
    pairs, position = np.unique(code, return_inverse=True)
    intersection = np.zeros(len(pairs), np.int64)
    np.add.at(intersection, position, length[same])
    u, v = np.divmod(pairs, len(true.sizes))
    return u, v, intersection / (predicted.sizes[u] + true.sizes[v] - intersection)


def _mean_best_iou(
    components: Components, pair: np.ndarray, iou: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute CCSS of Eq. 11 (mean best IoU of the components) and their number, both [256]."""
    best = np.zeros(len(components.sizes))
    np.maximum.at(best, pair, iou)
    count = np.bincount(components.classes, minlength=256)
    total = np.bincount(components.classes, weights=best, minlength=256)
    return total / np.maximum(count, 1), count
