"""Losses of binary masks, one value for each mask."""

import torch.nn.functional as F
from torch import Tensor

from clothseg.loss.pixelwise import EPSILON

SMOOTH = 1.0
"""Added to numerator and denominator of the Dice coefficient."""


def focal(
    logits: Tensor, target: Tensor, valid: Tensor | None = None, alpha: float = 0.25
) -> Tensor:
    r"""Mean over pixels of :math:`-\alpha_t (1 - p_t)^2 \log p_t`, p the sigmoid, float [...].

    Args:
        logits: float [...,H,W].
        target: 0 or 1, float [...,H,W].
        valid: pixels that count, float [...,H,W] of 0 and 1; None for all.
        alpha: weight of pixels of 1; those of 0 have 1 - alpha. Negative for weights of 1.

    Source: Lin et al., Focal loss for dense object detection, 2017, Eq. 5.
    """
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    error = 1 - (-cross_entropy).exp()
    losses = error**2 * cross_entropy
    if alpha >= 0:
        losses = losses * (alpha * target + (1 - alpha) * (1 - target))
    if valid is None:
        return losses.mean((-2, -1))
    return (losses * valid).sum((-2, -1)) / valid.sum((-2, -1)).clamp(min=EPSILON)


def dice(logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """One minus the Dice coefficient of sigmoid and target, smoothed, float [...].

    Args:
        logits: as in :func:`focal`, like the other two.
        target: 0 or 1.
        valid: pixels that count.

    Source: Milletari et al., V-Net, 2016, without squares, as in DETR's program.
    """
    probability = logits.sigmoid()
    if valid is not None:
        probability, target = probability * valid, target * valid
    both = (probability * target).sum((-2, -1))
    total = probability.sum((-2, -1)) + target.sum((-2, -1))
    return 1 - (2 * both + SMOOTH) / (total + SMOOTH)
