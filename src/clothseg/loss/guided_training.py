"""Guided training of dang2020: auxiliary losses for layers at all scales of a network."""

from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor

from clothseg.loss.combined import Sum
from clothseg.loss.label_pooling import LabelPooling
from clothseg.loss.pixelwise import CrossEntropy, PixelLoss
from clothseg.loss.pyramid import ImagePyramid, SegmentationPyramid


class Guided(Sum):
    r"""Weighted mean of cross-entropy and three auxiliary losses.

    .. math::
        \frac{H(t_0, l_0) + \alpha IPL + \beta SPL + \gamma LPL}{1 + \alpha + \beta + \gamma}

    Args:
        classes: number of classes, or any larger number.
        alpha: weight of :class:`ImagePyramid`, at least 0; 0 for none, here and in the next two.
        beta: weight of :class:`SegmentationPyramid`.
        gamma: weight of :class:`LabelPooling`.
        entropy: as for :class:`SegmentationPyramid`.

    Source: dang2020, Eq. 15, with weights of 0 or 1; with 1 only, it is Eq. 8.
    """

    def __init__(
        self, classes: int, alpha: float, beta: float, gamma: float, entropy: Literal["bce", "ce"]
    ) -> None:
        weighted: list[tuple[float, PixelLoss]] = [
            (1, CrossEntropy()),
            (alpha, ImagePyramid()),
            (beta, SegmentationPyramid(entropy)),
            (gamma, LabelPooling(classes)),
        ]
        weighted = [(weight, loss) for weight, loss in weighted if weight > 0]
        super().__init__([loss for _, loss in weighted])
        total = sum(weight for weight, _ in weighted)
        self.shares = [weight / total for weight, _ in weighted]

    def forward(self, output: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the summands of the fraction, which are the terms of all losses times their share.

        Shape:
            ``output["logits"]`` float [B,K,H,W]; other outputs and ``batch`` as for each loss.
        """
        return {
            name: share * term
            for loss, share in zip(self.losses, self.shares, strict=True)
            for name, term in loss(output, batch).items()
        }
