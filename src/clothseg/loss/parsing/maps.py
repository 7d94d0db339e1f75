"""Loss of a semantic map: focal and Dice loss of one binary mask per class."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from clothseg.labels import IGNORE
from clothseg.loss.parsing.binary import SMOOTH, dice, focal
from clothseg.loss.pixelwise import EPSILON

Form = Literal["sigmoid", "softmax"]
"""`sigmoid`: every class is a binary mask. `softmax`: one distribution over the classes."""


def map_terms(logits: Tensor, target: Tensor, form: Form = "sigmoid") -> dict[str, Tensor]:
    """Compute the terms ``focal`` and ``dice``, means over classes and images.

    Images without a valid pixel count as 0.

    Args:
        logits: float [B,K,H,W].
        target: class ids int64 [B,H,W], 255 = ignore.
        form: how logits become probabilities.

    Source: loesch2021, which names both losses but not their form.
    """
    logits, classes = logits.float(), logits.shape[1]
    valid = (target != IGNORE).unsqueeze(1).float()  # [B,1,H,W]
    known = target.masked_fill(target == IGNORE, 0)
    truth = F.one_hot(known, classes).permute(0, 3, 1, 2).float()
    if form == "sigmoid":
        wide = valid.expand_as(logits)
        return {
            "focal": focal(logits, truth, wide).mean(),
            "dice": dice(logits, truth, wide).mean(),
        }
    cross_entropy = F.cross_entropy(logits, target, ignore_index=IGNORE, reduction="none")
    error = 1 - (-cross_entropy).exp()
    pixels = valid.sum((1, 2, 3)).clamp(min=EPSILON)
    probability, truth = logits.softmax(1) * valid, truth * valid
    both, total = (probability * truth).sum((2, 3)), (probability + truth).sum((2, 3))
    return {
        "focal": ((error**2 * cross_entropy).sum((1, 2)) / pixels).mean(),
        "dice": (1 - (2 * both + SMOOTH) / (total + SMOOTH)).mean(),
    }
