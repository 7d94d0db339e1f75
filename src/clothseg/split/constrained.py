"""A random division whose evaluation part has a minimum of annotated objects of every class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from clothseg.dataset.near_duplicates import near_duplicate_groups
from clothseg.error import ConfigError
from clothseg.split.division import Seed, Split, Validation, divided

if TYPE_CHECKING:
    from clothseg.cache import Cache

TRIALS = 5_000
"""Photos that are tried in swaps before the search is given up; a few seconds at ModaNet's size."""

DRAWS = 20
"""Random draws that the search may start from."""


def constrained(
    cache: "Cache",
    *,
    test_images: Annotated[int, Field(ge=1)],
    min_instances: Annotated[int, Field(ge=1)],
    validation: Validation,
    seed: Seed,
) -> Split:
    """A random evaluation part with at least so many instances of every class but the background.

    A plain random draw misses rare classes, so it is repaired: as long as a class is short, a photo
    outside that shows such a class, drawn at random, trades places with the photo inside whose loss
    hurts least. All other photos stay as they were drawn. Look-alikes stay together.

    Args:
        cache: the samples with their instances and hashes.
        test_images: number of photos in the evaluation part, which is the test part.
        min_instances: annotated objects of each class that it must have; a dataset without
            instances has one of each class that an image shows.
        validation: share of the other photos that is carved off for validation, or `test` for the
            papers' own protocol, which chooses the epoch on the evaluation part.
        seed: seed of the draw.

    Raises:
        ConfigError: there are too few photos or instances, or no such part was found; says which
            class lacks what, and what is possible.

    Source: dang2020, section IV.A: 2,400 of 52,377 photos with at least 280 instances per class.
    """
    names = cache.class_names or [f"class {k}" for k in range(cache.instances.shape[1])]
    problems = _impossibilities(cache.instances[:, 1:], names[1:], test_images, min_instances)
    if problems:
        raise ConfigError(problems)
    groups = near_duplicate_groups(cache.hashes)
    counts = np.zeros((groups.max() + 1, cache.instances.shape[1] - 1), np.int64)
    np.add.at(counts, groups, cache.instances[:, 1:])
    search = Search(
        counts, np.bincount(groups), test_images, min_instances, np.random.default_rng(seed)
    )
    chosen = search.run()
    if chosen is None:
        raise ConfigError([_not_found(search, names[1:])])
    tested = chosen[groups]
    return divided(cache, groups, tested.astype(int), tested, ~tested, validation, seed)


@dataclass
class Search:
    """Random draws, repaired by swaps until every class has its minimum.

    Args:
        counts: instances of each class in each group of look-alikes, int64 [G,K].
        sizes: photos in each group, int [G].
        photos: number of photos to choose.
        minimum: instances that each class must have among them.
        random: where every draw comes from.
        trials: photos that may be tried in swaps, all draws together.

    Attributes:
        swaps: exchanges in the draw that met the minimum.
        nearest: instances of each class in the draw that came closest, int64 [K]; None while no
            draw had the right number of photos.
    """

    counts: np.ndarray
    sizes: np.ndarray
    photos: int
    minimum: int
    random: np.random.Generator
    trials: int = TRIALS
    swaps: int = 0
    nearest: np.ndarray | None = None

    def run(self) -> np.ndarray | None:
        """The chosen groups, bool [G]; None when no draw could be repaired."""
        for _ in range(DRAWS):
            chosen = self._draw()
            if chosen is not None and self._repair(chosen):
                return chosen
        return None

    def _draw(self) -> np.ndarray | None:
        """Groups in random order until the number of photos is reached, leaving out what exceeds.

        None where that number is missed, as an odd number with pairs only.
        """
        chosen = np.zeros(len(self.sizes), bool)
        left = self.photos
        for group in self.random.permutation(len(self.sizes)):
            if self.sizes[group] <= left:
                chosen[group] = True
                left -= self.sizes[group]
        return chosen if left == 0 else None

    def _repair(self, chosen: np.ndarray) -> bool:
        """Swap until nothing is short; every swap lowers what is missing, so this ends."""
        total = self.counts[chosen].sum(0)
        self.swaps = 0
        while (missing := int(self._missing(total))) > 0:
            swap = self._better_swap(chosen, total, missing)
            if swap is None:
                break
            outside, inside = swap
            chosen[outside], chosen[inside] = True, False
            total = total + self.counts[outside] - self.counts[inside]
            self.swaps += 1
        if self.nearest is None or missing < self._missing(self.nearest):
            self.nearest = total
        return missing == 0

    def _better_swap(
        self, chosen: np.ndarray, total: np.ndarray, missing: int
    ) -> tuple[int, int] | None:
        """A group outside and one inside of equal size whose exchange lowers what is missing."""
        short = total < self.minimum
        helpful = np.flatnonzero(~chosen & self.counts[:, short].any(1))
        for outside in self.random.permutation(helpful):
            if self.trials == 0:
                return None
            self.trials -= 1
            partners = np.flatnonzero(chosen & (self.sizes == self.sizes[outside]))
            after = self._missing(total + self.counts[outside] - self.counts[partners])
            if len(partners) and after.min() < missing:
                return outside, self.random.choice(partners[after == after.min()])
        return None

    def _missing(self, total: np.ndarray) -> np.ndarray:
        """Instances that the classes together lack: totals int64 [...,K] to int64 [...]."""
        return np.maximum(self.minimum - total, 0).sum(-1)


def _impossibilities(
    instances: np.ndarray, names: Sequence[str], evaluation: int, minimum: int
) -> list[str]:
    """What no choice of photos could meet, one sentence each.

    Args:
        instances: of each class in each photo, int64 [N,K].
        names: of the classes [K].
        evaluation: number of photos to choose.
        minimum: instances that each class must have among them.
    """
    if evaluation > len(instances) - 2:
        return [
            f"split.test_images={evaluation}: there are {len(instances)} photos, of which two have "
            "to be left for training and validation"
        ]
    richest = -np.sort(-instances, axis=0)[:evaluation].sum(0)
    problems = [
        f"split.min_instances={minimum}: {name} has {instances[:, k].sum()} instances in "
        f"{np.count_nonzero(instances[:, k])} photos, of which {evaluation} photos "
        f"(split.test_images) can hold {richest[k]}"
        for k, name in enumerate(names)
        if richest[k] < minimum
    ]
    if problems:
        most = int(richest.min())
        possible = f"split.min_instances={most} at most" if most else "labels without such classes"
        problems.append(f"possible with these photos: {possible}")
    return problems


def _not_found(search: Search, names: Sequence[str]) -> str:
    """Why a search ended without a result."""
    wanted = f"split.test_images={search.photos}"
    if search.nearest is None:
        return (
            f"{wanted}: groups of look-alike photos, which stay together, do not add up to "
            "this number; try one more or less"
        )
    short = [
        f"{names[k]} {search.nearest[k]}"
        for k in np.argsort(search.nearest)
        if search.nearest[k] < search.minimum
    ]
    most = int(search.nearest.min())
    possible = f"split.min_instances={most} is possible; for more, " if most else ""
    return (
        f"{wanted} with split.min_instances={search.minimum}: each class alone allows it, but "
        f"no part was found for all together; the nearest had {', '.join(short)}. {possible}"
        "raise split.test_images"
    )
