"""What a photo is made of: cloth, and the garments and limbs that carry a label."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Texture = Callable[[Array, Array], Array]
"""Maps coordinates across and along a piece of cloth [h,w], in head heights, to RGB [h,w,3]."""

Pattern = Literal["solid", "geometrical", "fancy", "letters"]
"""What is printed or woven into a cloth; ribs, quilting and folds are no pattern."""
Size = Literal["", "short", "long", "sparse"]
"""How long a garment or hair is, how large a hat; empty where nobody would say."""
Side = Literal["", "left", "right"]
"""The person's own side: the left arm of somebody seen from the front is right in the picture."""


@dataclass(frozen=True)
class Cloth:
    """A texture and the pattern that one would call it.

    Args:
        texture: its colours.
        pattern: what they form.
    """

    texture: Texture
    pattern: Pattern = "solid"

    def __call__(self, across: Array, along: Array) -> Array:
        """Colours at coordinates [h,w], in head heights: RGB [h,w,3]."""
        return self.texture(across, along)


@dataclass(eq=False)
class Piece:
    """One garment, or one part of the body; pieces are told apart by identity.

    Args:
        name: its CCP name.
        cloth: what most of it is made of.
        size: how long or large it is.
        part: of the body, where the name is skin: face, torso, arm or leg; upper or lower half of
            a garment that covers trunk and legs.
        side: of limbs, and of what comes in pairs.
        print: the pattern of what is printed on it; empty leaves that of the cloth.
    """

    name: str
    cloth: Cloth
    size: Size = ""
    part: str = ""
    side: Side = ""
    print: Pattern | Literal[""] = ""

    @property
    def pattern(self) -> Pattern:
        """The pattern that one sees."""
        return self.print or self.cloth.pattern
