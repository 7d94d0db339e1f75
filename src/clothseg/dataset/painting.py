"""Painting order of overlapping objects in one mask."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

Overlap = Literal["small_on_top", "later_wins"]
Object = TypeVar("Object")


def painting_order(
    objects: Sequence[Object], area: Callable[[Object], int], overlap: Overlap
) -> list[Object]:
    """Sort objects by painting order; later ones cover earlier ones.

    Args:
        objects: in the order of the file.
        area: pixels of an object.
        overlap: `small_on_top` paints the largest first, so that a pocket covers its coat;
            `later_wins` keeps the order of the file. No paper states which object wins.
    """
    if overlap == "later_wins":
        return list(objects)
    return sorted(objects, key=area, reverse=True)
