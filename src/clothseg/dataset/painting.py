"""Objects that overlap, painted into one mask."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

Overlap = Literal["small_on_top", "later_wins"]
Object = TypeVar("Object")


def painting_order(
    objects: Sequence[Object], area: Callable[[Object], int], overlap: Overlap
) -> list[Object]:
    """Objects in the order in which they are painted; later ones cover earlier ones.

    Args:
        objects: in the order of the file.
        area: pixels of an object.
        overlap: `small_on_top` paints the largest first, so that a pocket lies on its coat;
            `later_wins` follows the file. No paper says which object wins.
    """
    if overlap == "later_wins":
        return list(objects)
    return sorted(objects, key=area, reverse=True)
