"""IoU+: how well the connected components of a prediction match those of the truth."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import coo_array, csgraph

from clothseg.labels import IGNORE

_AND = {"min": np.minimum, "product": np.multiply}


@dataclass(frozen=True)
class Components:
    """Connected components of all classes of one mask; ignored pixels make components too.

    A run is a stretch of one value in a row of the mask.

    Args:
        is_start: whether a run starts at the pixel, bool [H,W].
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
    """Find the components of every class of one mask uint8 [H,W] at once.

    A graph joins runs that touch in neighbouring rows. It costs the same for any number of
    classes, unlike labelling one class after another.
    """
    is_start = np.ones(mask.shape, bool)
    np.not_equal(mask[:, 1:], mask[:, :-1], out=is_start[:, 1:])
    run = np.cumsum(is_start, dtype=np.int32).reshape(mask.shape) - 1
    starts = np.flatnonzero(is_start)
    upper, lower = _touching_runs(mask, is_start, run, connectivity)
    graph = coo_array((np.ones(len(upper), np.int8), (upper, lower)), shape=(len(starts),) * 2)
    number, component = csgraph.connected_components(graph, directed=False)
    classes = np.empty(number, np.uint8)
    classes[component] = mask.ravel()[starts]
    sizes = np.zeros(number, np.int64)
    np.add.at(sizes, component, np.diff(starts, append=mask.size))
    return Components(is_start, run, component, classes, sizes)


def _touching_runs(
    mask: np.ndarray, is_start: np.ndarray, run: np.ndarray, connectivity: Literal[4, 8]
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of runs (upper, lower) that have one value and touch across two rows."""
    above, below = mask[:-1], mask[1:]
    # Two runs that overlap do so from the column where the later one starts.
    touch = (above == below) & (is_start[:-1] | is_start[1:])
    upper, lower = [run[:-1][touch]], [run[1:][touch]]
    if connectivity == 8:
        left, right = np.s_[:, :-1], np.s_[:, 1:]
        for high, low in ((left, right), (right, left)):
            corner = (above[high] == below[low]) & (above[high] != below[high])
            upper.append(run[:-1][high][corner])
            lower.append(run[1:][low][corner])
    return np.concatenate(upper), np.concatenate(lower)


def connected_scores(
    prediction: np.ndarray,
    target: np.ndarray,
    classes: int,
    connectivity: Literal[4, 8] = 8,
    conjunction: Literal["min", "product"] = "min",
) -> np.ndarray:
    """Segmentation score SS of one image: components matched in both directions.

    Args:
        prediction: class ids uint8 [H,W].
        target: true class ids uint8 [H,W]; pixels of 255 belong to no component of either mask.
        classes: number of classes K.
        connectivity: 8 joins pixels that touch at a corner, 4 does not.
        conjunction: how the two directions are combined. `min` keeps SS = IoU for one component
            on each side; `product` would square it.

    Returns:
        Scores float64 [K] in 0 to 1: 0 for a class in one mask only, NaN in neither.

    Source: dang2020, Eq. 11 and 12. The paper leaves open the connectivity and what its "and" is.
    """
    prediction = np.where(target == IGNORE, target, prediction)
    found = connected_components(prediction, connectivity)
    truth = connected_components(target, connectivity)
    u, v, iou = _overlaps(found, truth)
    best_of_found, number_found = _mean_best_iou(found, u, iou)
    best_of_truth, number_true = _mean_best_iou(truth, v, iou)
    score = _AND[conjunction](best_of_found, best_of_truth)
    return np.where(number_found + number_true > 0, score, np.nan)[:classes]


def _overlaps(found: Components, truth: Components) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs (u, v) of components of one class that overlap, and the IoU of each pair, all [P]."""
    # Between two of these pixels neither mask changes, so each stands for a whole stretch.
    changes = found.is_start | truth.is_start
    length = np.diff(np.flatnonzero(changes), append=changes.size)
    u, v = found.component[found.run[changes]], truth.component[truth.run[changes]]
    same = found.classes[u] == truth.classes[v]
    # Only pairs that occur are counted: noise has thousands of components, and a table of all
    # their pairs would not fit.
    code = u[same].astype(np.int64) * len(truth.sizes) + v[same]
    pairs, position = np.unique(code, return_inverse=True)
    intersection = np.zeros(len(pairs), np.int64)
    np.add.at(intersection, position, length[same])
    u, v = np.divmod(pairs, len(truth.sizes))
    return u, v, intersection / (found.sizes[u] + truth.sizes[v] - intersection)


def _mean_best_iou(
    components: Components, pair: np.ndarray, iou: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """CCSS of Eq. 11, the mean over components of their best IoU, and their number, both [256]."""
    best = np.zeros(len(components.sizes))
    np.maximum.at(best, pair, iou)
    number = np.bincount(components.classes, minlength=256)
    total = np.bincount(components.classes, weights=best, minlength=256)
    return total / np.maximum(number, 1), number
