"""Random split whose evaluation part has a minimum number of instances of every class."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from clothseg.error import ConfigError
from clothseg.split.division import Seed, Split, Validation, build_split
from clothseg.split.grouping import image_groups
from clothseg.split.search import Search

if TYPE_CHECKING:
    from clothseg.cache import Census


def constrained(
    census: "Census",
    *,
    test_images: Annotated[int, Field(ge=1)],
    min_instances: Annotated[int, Field(ge=1)],
    validation: Validation,
    seed: Seed,
    group_near_duplicates: bool = True,
) -> Split:
    """Random evaluation part with a minimum number of instances of every foreground class.

    A plain random sample lacks rare classes, so it is repaired: while a class has too few
    instances, a random image outside the sample that contains such a class is swapped with the
    image inside whose removal costs least. Other images stay; near-duplicates stay together.

    Args:
        census: the samples with their instances and hashes.
        test_images: number of images in the evaluation part, which is the test part.
        min_instances: required number of annotated instances of each class; in a dataset without
            instances, each class in an image counts as one.
        validation: fraction of the other images held out for validation, or `test` for the
            protocol of the papers, which selects the epoch on the evaluation part.
        seed: random seed of the sample.
        group_near_duplicates: True to keep near-duplicates in the same part.

    Raises:
        ConfigError: there are too few images or instances, or the search failed; names the classes
            with too few instances and a feasible setting.

    Source: dang2020, section IV.A: 2,400 of 52,377 images with at least 280 instances per class.
    """
    names = census.class_names or [f"class {k}" for k in range(census.instances.shape[1])]
    problems = _infeasibilities(census.instances[:, 1:], names[1:], test_images, min_instances)
    if problems:
        raise ConfigError(problems)
    groups = image_groups(census, group_near_duplicates)
    search = _search(census.instances[:, 1:], groups, test_images, min_instances, seed)
    chosen = search.run()
    if chosen is None:
        raise ConfigError([_describe_failure(search, names[1:])])
    return _split(census, groups, chosen, validation, seed)


def relaxed(
    census: "Census",
    test_images: int,
    min_instances: int,
    validation: Validation,
    seed: int,
    group_near_duplicates: bool = True,
) -> Split | None:
    """Split a dataset that is too small for the numbers of :func:`constrained`.

    The evaluation part has at most a fifth of the images, and the minimum of every class shrinks in
    proportion: to 1 instance at least where the class exists, and to none if no part has that.

    Returns:
        The split; None for fewer than three images, or near-duplicates only.
    """
    groups = image_groups(census, group_near_duplicates)
    most = min(test_images, max(1, len(census.names) // 5), len(census.names) - 2)
    share = min_instances / test_images
    chosen = _choose_in_proportion(census.instances[:, 1:], groups, most, share, seed)
    return None if chosen is None else _split(census, groups, chosen, validation, seed)


def limited(
    split: Split,
    full: Split,
    census: "Census",
    min_instances: int,
    seed: int,
    group_near_duplicates: bool = True,
) -> Split:
    """Choose the images of a reduced evaluation part such that every class keeps instances.

    The minimum of :func:`constrained` shrinks in proportion to the images.

    Args:
        split: the reduced split.
        full: the split before.
        census: the samples.
        min_instances: minimum of every class in the evaluation part before.
        seed: random seed of the sample.
        group_near_duplicates: True if near-duplicates are in the same part.
    """
    indices = np.array([census.index_of[name] for name in full.test])
    groups = np.unique(image_groups(census, group_near_duplicates)[indices], return_inverse=True)[1]
    instances, share = census.instances[indices, 1:], min_instances / len(full.test)
    chosen = _choose_in_proportion(instances, groups, len(split.test), share, seed)
    if chosen is None:
        return split
    test = [name for name, group in zip(full.test, groups, strict=True) if chosen[group]]
    return replace(
        split, test=test, validation=test if full.validation == full.test else split.validation
    )


def _choose_in_proportion(
    instances: np.ndarray, groups: np.ndarray, most: int, share: float, seed: int
) -> np.ndarray | None:
    """Choose groups of images with instances of every class in proportion to their number.

    Args:
        instances: instances of each class in each image, int64 [N,K].
        groups: group of each image, int [N].
        most: number of images; fewer if groups of near-duplicates prevent it.
        share: required instances of each class per chosen image; as many as possible where the
            images have fewer.
        seed: random seed of the sample.

    Returns:
        The chosen groups, bool [G]; None if near-duplicates prevent any number.
    """
    for images in range(most, 0, -1):
        minimum = np.minimum(math.ceil(share * images), _most_instances(instances, images))
        while (
            chosen := _search(instances, groups, images, minimum, seed).run()
        ) is None and minimum.any():
            minimum //= 2
        if chosen is not None:
            return chosen
    return None


def _search(
    instances: np.ndarray, groups: np.ndarray, images: int, minimum: "int | np.ndarray", seed: int
) -> "Search":
    """Set up the search for an evaluation part; `minimum` as for :class:`Search`."""
    counts = np.zeros((groups.max() + 1, instances.shape[1]), np.int64)
    np.add.at(counts, groups, instances)
    return Search(counts, np.bincount(groups), images, minimum, np.random.default_rng(seed))


def _split(
    census: "Census", groups: np.ndarray, chosen: np.ndarray, validation: Validation, seed: int
) -> Split:
    """Build the split whose evaluation part is the chosen groups, bool [G]."""
    tested = chosen[groups]
    part, size = tested.astype(int), int(tested.sum())
    return build_split(census, groups, part, tested, ~tested, validation, seed, size)


def _infeasibilities(
    instances: np.ndarray, names: Sequence[str], test_images: int, minimum: int
) -> list[str]:
    """List requirements that no choice of images can satisfy, one sentence each.

    Args:
        instances: instances of each class in each image, int64 [N,K].
        names: class names [K].
        test_images: number of images to choose.
        minimum: required instances of each class among them.
    """
    if test_images > len(instances) - 2:
        return [
            f"split.test_images={test_images}: there are {len(instances)} images, of which at "
            "least two must remain for training and validation"
        ]
    maximum = _most_instances(instances, test_images)
    problems = [
        f"split.min_instances={minimum}: {name} has {instances[:, k].sum()} instances in "
        f"{np.count_nonzero(instances[:, k])} images; {test_images} images (split.test_images) can "
        f"hold at most {maximum[k]} of them"
        for k, name in enumerate(names)
        if maximum[k] < minimum
    ]
    if problems:
        limit = int(maximum.min())
        feasible = f"split.min_instances={limit} at most" if limit else "labels without the class"
        problems.append(f"possible with these images: {feasible}")
    return problems


def _most_instances(instances: np.ndarray, images: int) -> np.ndarray:
    """Instances of each class in the images that have most of them, int64 [K]."""
    return np.asarray(-np.sort(-instances, axis=0)[:images].sum(0))


def _describe_failure(search: Search, names: Sequence[str]) -> str:
    """Explain why a search ended without a result."""
    setting = f"split.test_images={search.images}"
    if search.best is None:
        return (
            f"{setting}: groups of near-duplicate images, which stay together, do not add up to "
            "this number; try one more or less"
        )
    short = [
        f"{names[k]} {search.best[k]}"
        for k in np.argsort(search.best)
        if search.best[k] < search.minimum
    ]
    limit = int(search.best.min())
    feasible = f"split.min_instances={limit} is possible; for more, " if limit else ""
    return (
        f"{setting} with split.min_instances={search.minimum}: feasible for each class alone, but "
        f"the search found no part that satisfies all classes; the best had {', '.join(short)}. "
        f"{feasible}raise split.test_images"
    )
