"""Losses that were not written for this package."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from clothseg.labels import IGNORE
from clothseg.loss.pixelwise import PixelLoss, full_precision


class PlainLoss(PixelLoss):
    """Adapter of a loss ``(logits, target) -> scalar``.

    If a training step has several micro-batches or processes, their losses are averaged with equal
    weights, because it is not known what a plain loss is a mean over.

    Args:
        loss: gets logits float [B,C,H,W] and the target int64 [B,H,W], 255 at ignored pixels. It is
            not called for a batch without other pixels.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, output: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the loss as the only term; shapes as in :mod:`clothseg.loss`."""
        logits, mask = full_precision(output["logits"]), batch["mask"]
        if (mask == IGNORE).all():  # the mean of nothing is NaN, also in the gradient
            return {type(self.loss).__name__: 0 * logits.sum()}
        return {type(self.loss).__name__: self.loss(logits, mask)}


def as_loss(built: Any) -> PixelLoss:
    """Adapt a plain loss; a :class:`PixelLoss` is returned unchanged."""
    return built if isinstance(built, PixelLoss) else PlainLoss(built)
