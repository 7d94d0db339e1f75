"""Label pooling: the classes present in the windows of a mask at six scales, and its loss."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from clothseg.labels import IGNORE
from clothseg.loss.pixelwise import EPSILON
from clothseg.loss.pyramid import PyramidLoss

WINDOW = 4
"""Height and width of the windows of level 1, pixels."""
POOLS = ((2, 2, 0), (2, 2, 0), (2, 2, 0), (3, 3, 1), (3, 1, 0))
"""Kernel, stride and padding of the pools from level 1 to levels 2, 3, 4, 5 and 6."""


class PooledLabels(NamedTuple):
    """Labels of one level of a pyramid.

    Args:
        presence: whether the class occurs in the window, bool [B,K,h,w].
        complete: whether the window has no ignored pixel, bool [B,1,h,w].
    """

    presence: Tensor
    complete: Tensor

    @property
    def valid(self) -> Tensor:
        """Windows and classes of known presence, bool [B,K,h,w].

        A class that does not occur at the other pixels of a window may be at its ignored pixels.
        """
        return self.presence | self.complete


def label_pyramid(mask: Tensor, classes: int) -> list[PooledLabels]:
    """Pool the labels of masks by maximum to six levels: 56, 28, 14, 7, 3 and 1 wide at 224 pixels.

    Args:
        mask: class ids int64 [B,H,W], 255 at ignored pixels; sizes for which
            :func:`clothseg.loss.pooling_sizes.pooling_problem` is None.
        classes: number of classes K.

    Source: dang2020, section III.C and Table II, blocks P0 to P5. P0 is a 2x2 pool that results in
        a width of 56; the step from 224 to 112 is not described, here it is a 2x2 pool as well.
        The 4x4 windows of both are filled without a one-hot mask, which would take K times the
        memory of the mask.
    """
    ids = mask.masked_fill(mask == IGNORE, classes).unsqueeze(1)
    windows = F.pixel_unshuffle(ids, WINDOW)  # [B,16,h,w]
    batch, _, height, width = windows.shape
    occurs = torch.zeros(batch, classes + 1, height, width, device=mask.device)
    levels = [occurs.scatter_(1, windows, 1.0)]  # the last channel is that of ignored pixels
    for kernel, stride, padding in POOLS:
        levels.append(F.max_pool2d(levels[-1], kernel, stride, padding))
    return [PooledLabels(level[:, :-1] > 0, level[:, -1:] == 0) for level in levels]


class LabelPooling(PyramidLoss):
    r"""Mean over six scales of the binary cross-entropy of the presence of classes in windows.

    .. math:: LPL = \frac{1}{6} \sum_{i=1}^6 H(p_i, d_i)

    H is a mean over windows and classes, except those of which it is not known whether the class
    occurs, see :attr:`PooledLabels.valid`.

    Args:
        classes: number of classes, or any larger number.

    Source: dang2020, Eq. 7. The text pairs d_i with the output of P_i, which is half as large; here
        p_i is the output of P_(i-1), which is as large as d_i.
    """

    term = "label_pooling"
    outputs = ("presence_1", "presence_2", "presence_3", "presence_4", "presence_5", "presence_6")

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def counts(self, mask: Tensor) -> dict[str, Tensor]:
        """Count, at each level, complete windows, and the classes that occur in other windows.

        The number of valid elements follows for every number of classes.
        """
        counts = {}
        for level, labels in enumerate(label_pyramid(mask, self.classes), 1):
            counts[f"complete_windows_{level}"] = labels.complete.sum()
            counts[f"presences_{level}"] = (labels.presence & ~labels.complete).sum()
        return counts

    def levels(self, logits: Sequence[Tensor], batch: Mapping[str, Any]) -> list[Tensor]:
        """Return the loss of each level.

        Shape:
            Logits float [B,K,h,w] of the sizes of :func:`label_pyramid`; ``batch["mask"]`` int64
            [B,H,W]; ``batch["counts"]`` of :meth:`counts`.
        """
        classes, counts, losses = logits[0].shape[1], batch["counts"], []
        pyramid = label_pyramid(batch["mask"], classes)
        for level, (labels, prediction) in enumerate(zip(pyramid, logits, strict=True), 1):
            total = F.binary_cross_entropy_with_logits(
                prediction,
                labels.presence.to(prediction.dtype),
                labels.valid.to(prediction.dtype),
                reduction="sum",
            )
            elements = classes * counts[f"complete_windows_{level}"] + counts[f"presences_{level}"]
            losses.append(total / elements.clamp(min=EPSILON))
        return losses
