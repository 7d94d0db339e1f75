"""Images with people: decoded at their own aspect, with all of their maps."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from clothseg.cache.census import Census
from clothseg.cache.decoding import PERSON
from clothseg.cache.own_aspect import OwnAspectImages
from clothseg.geometry import OwnAspect


@dataclass(frozen=True, eq=False, kw_only=True)
class Pictures(Census):
    """Census of a dataset with the decoded pictures of one run, which may be some of its samples.

    Args:
        images: the pictures; their maps are classes, people, and the kinds.
        kinds: names of the characteristics, such as `color`.
    """

    images: OwnAspectImages
    kinds: Sequence[str]

    def crowds(self, names: Collection[str], most: int) -> tuple[int, int]:
        """Count the pictures of some names with more people than a number; also return the most."""
        assert self.images.people is not None
        rows = self.images.rows
        indices = np.array([self.index_of[name] for name in names], np.int64)
        people = self.images.people[indices if rows is None else rows[indices]]
        return int(np.count_nonzero(people > most)), int(people.max(initial=0))


def picture_form(longest_side: int, kinds: Sequence[str]) -> OwnAspect:
    """Form in which pictures are stored.

    Args:
        longest_side: longest side, pixels; larger pictures are reduced to it.
        kinds: names of the characteristics.
    """
    return OwnAspect(longest_side, (PERSON, *kinds))
