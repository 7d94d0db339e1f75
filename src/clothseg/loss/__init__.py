"""Losses, each called as ``loss(output, batch) -> dict`` whose terms sum to what is minimised.

``output`` is what a network returns (``logits`` float [B,C,H,W]); ``batch`` holds ``mask`` int64
[B,H,W] of class ids and ``pixels``, the number that a mean over pixels divides by. Pixels of value
255 are left out. ``pixels`` is the count of all others, at least 1, so that a batch without any
gives 0 with a live gradient. When several processes, or several parts of a batch one after the
other, make up one training step, it is their average count: the average of their losses is then the
mean over all pixels of the step, wherever those are.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clothseg.loss.pixelwise import CrossEntropy


def cross_entropy() -> "CrossEntropy":
    """Cross-entropy, mean over the pixels that count."""
    from clothseg.loss.pixelwise import CrossEntropy

    return CrossEntropy()


__all__ = ["cross_entropy"]
