"""Losses, each called as ``loss(output, batch) -> dict`` whose terms sum to what is minimised.

``output`` is what a network returns (``logits`` float [B,C,H,W]); ``batch`` holds ``mask`` int64
[B,H,W] of class ids. Pixels of value 255 are left out, means are over the pixels that remain, and a
batch without any such pixel gives 0 with a live gradient.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clothseg.loss.pixelwise import CrossEntropy


def cross_entropy() -> "CrossEntropy":
    """Cross-entropy, mean over the pixels that count."""
    from clothseg.loss.pixelwise import CrossEntropy

    return CrossEntropy()


__all__ = ["cross_entropy"]
