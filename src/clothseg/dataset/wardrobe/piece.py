"""Elements of a photo: cloth, and the garments and limbs that carry a label."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Texture = Callable[[Array, Array], Array]
"""Function from coordinates across and along a cloth [h,w], in head heights, to RGB [h,w,3]."""

Pattern = Literal["solid", "geometrical", "fancy", "letters"]
"""Pattern printed on or woven into a cloth; ribs, quilting and folds are not patterns."""
Size = Literal["", "short", "long", "sparse"]
"""Length of a garment or of hair, or size of a hat; empty where size does not apply."""
Side = Literal["", "left", "right"]
"""Anatomical side: the left arm of a person seen from the front is on the right in the image."""


@dataclass(frozen=True)
class Cloth:
    """Texture and the name of its pattern.

    Args:
        texture: function that returns its colors.
        pattern: pattern that the colors form.
    """

    texture: Texture
    pattern: Pattern = "solid"

    def __call__(self, across: Array, along: Array) -> Array:
        """Return the colors at coordinates [h,w], in head heights: RGB [h,w,3]."""
        return self.texture(across, along)


@dataclass(eq=False)
class Piece:
    """Garment or body part; pieces are compared by identity.

    Args:
        name: its CCP name.
        cloth: its main cloth.
        size: its length or size.
        part: body part (face, torso, arm or leg) where the name is skin; upper or lower half of a
            garment that covers trunk and legs.
        side: side of limbs and of garments that come in pairs.
        print: pattern of its print; empty falls back to that of the cloth.
    """

    name: str
    cloth: Cloth
    size: Size = ""
    part: str = ""
    side: Side = ""
    print: Pattern | Literal[""] = ""

    @property
    def pattern(self) -> Pattern:
        """Visible pattern: that of the print, else that of the cloth."""
        return self.print or self.cloth.pattern
