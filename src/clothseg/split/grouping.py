"""Groups of near-duplicate images, which are assigned to the parts of a split as a whole."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from clothseg.error import ConfigError

if TYPE_CHECKING:
    from clothseg.cache import Census

TOLERANCE = 0.1
"""Relative difference between the size of a part and the requested one that is left as it is."""

FAR = 0.25
"""Relative difference between the size of a part and the requested one that is worth a warning."""


def image_groups(census: "Census", together: bool) -> np.ndarray:
    """Number the group of each image, int [N].

    Args:
        census: the samples.
        together: True for groups of near-duplicates, False for groups of one image each.
    """
    return census.near_duplicates.groups if together else np.arange(len(census.names))


def require_groups(groups: np.ndarray, parts: int) -> None:
    """Require at least two groups per part.

    Raises:
        ConfigError: there are fewer than two distinct images per part.
    """
    count = int(groups.max()) + 1
    if count < 2 * parts:
        raise ConfigError(
            [f"{count} distinct images cannot be split into {parts} parts of at least 2 images"]
        )


def any_per_group(presence: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Combine the labels of the images of each group by logical or: bool [N,S] to bool [G,S]."""
    combined = np.zeros((groups.max() + 1, presence.shape[1]), bool)
    np.logical_or.at(combined, groups, presence)
    return combined


def stratified_sample(presence: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Sample about `fraction` of the rows, stratified; returns a mask bool [N].

    Args:
        presence: labels of the rows, bool [N,S].
        fraction: fraction of the rows, (0, 1).
        seed: random seed.
    """
    from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit

    chosen = np.zeros(len(presence), bool)
    splitter = MultilabelStratifiedShuffleSplit(n_splits=1, test_size=fraction, random_state=seed)
    chosen[next(splitter.split(presence, presence))[1]] = True
    return chosen


def sample_groups(
    presence: np.ndarray, groups: np.ndarray, fraction: float, seed: int
) -> np.ndarray:
    """Sample groups with about `fraction` of the images, stratified; returns a mask bool [N].

    Args:
        presence: labels of the images, bool [N,S].
        groups: number of each image's group, int [N]; numbers may be missing.
        fraction: fraction of the images, (0, 1).
        seed: random seed.
    """
    groups = np.unique(groups, return_inverse=True)[1]
    sampled = stratified_sample(any_per_group(presence, groups), fraction, seed).astype(int)
    return balance(sampled, presence, groups, [1 - fraction, fraction]).astype(bool)


def balance(
    part: np.ndarray, presence: np.ndarray, groups: np.ndarray, fractions: Sequence[float]
) -> np.ndarray:
    """Move groups between parts that differ too much from their sizes in images.

    Stratification counts every group once, so that a large group makes its part too large. Parts of
    groups with one image each remain as they are.

    Args:
        part: number of each group's part, int [G].
        presence: labels of the images, bool [N,S].
        groups: number of each image's group, int [N].
        fractions: fraction of the images in each part [P].

    Returns:
        Number of each image's part, int [N].
    """
    sizes = np.bincount(groups)
    if sizes.max() == 1:
        return np.asarray(part[groups])
    labels = np.zeros((len(sizes), presence.shape[1]))
    np.add.at(labels, groups, presence)
    desired = np.outer(fractions, [len(groups), *labels.sum(0)])
    counted = np.column_stack([sizes, labels])
    part = part.copy()
    excess = -desired
    np.add.at(excess, part, counted)
    while np.any(np.abs(excess[:, 0]) > np.maximum(1, TOLERANCE * desired[:, 0])):
        move = _best_move(part, counted, excess)
        if move is None:
            break
        group, target = move
        excess[part[group]] -= counted[group]
        excess[target] += counted[group]
        part[group] = target
    return np.asarray(part[groups])


def _best_move(part: np.ndarray, counted: np.ndarray, excess: np.ndarray) -> tuple[int, int] | None:
    """Find a group and the smallest part, to which it moves, so that the sizes differ less.

    Of the groups in the largest part with such a group, it is the one after whose move the sizes
    and class frequencies are closest to the desired ones.

    Args:
        part: number of each group's part, int [G].
        counted: images, and images with each label, of each group, float [G,1+S].
        excess: the same counts of each part minus the desired ones, float [P,1+S].
    """
    order = np.argsort(-excess[:, 0])
    target = int(order[-1])
    for source in order[:-1]:
        inside = np.flatnonzero(part == source)
        gap = excess[source, 0] - excess[target, 0]
        fitting = inside[counted[inside, 0] < gap]
        if len(inside) > 2 and fitting.size:  # every part keeps two distinct images
            moved = counted[fitting]
            after = (excess[source] - moved) ** 2 + (excess[target] + moved) ** 2
            cost = after[:, 0] + after[:, 1:].mean(1)
            return int(fitting[np.argmin(cost)]), target
    return None


def size_warnings(
    sizes: dict[str, tuple[int, float]], groups: np.ndarray, images: int
) -> list[str]:
    """Describe the parts whose size is far from the requested one, one sentence each.

    Args:
        sizes: number of images and requested number of each part, by its name.
        groups: number of each image's group, int [N].
        images: number of images that are split.
    """
    largest = int(np.bincount(groups).max())
    reason = (
        f"; the largest of the groups of near-duplicates, which stay together, has {largest} "
        "(split.group_near_duplicates=false splits them)"
        if largest > 1
        else ""
    )
    return [
        f"the {name} part has {size} of {images} images, but about {asked:.0f} were requested"
        f"{reason}"
        for name, (size, asked) in sizes.items()
        if abs(size - asked) > FAR * asked + 2
    ]
