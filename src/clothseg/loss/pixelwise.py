"""Losses that are a mean over pixels."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clothseg.labels import IGNORE

LEAST = 1e-12
"""What a mean divides by when nothing counts; the sum is 0 then."""


class PixelLoss(nn.Module):
    """A loss with weights of classes.

    Args:
        weights: of each class, float [K]; None counts all alike.
    """

    weights: Tensor | None

    def __init__(self, weights: Tensor | None = None) -> None:
        super().__init__()
        # Not part of checkpoints: it follows from configuration and split.
        self.register_buffer("weights", weights, persistent=False)

    def mass(self, pixels: Tensor) -> Tensor:
        """What the mean divides by, from the number of pixels of each value [256]: a scalar."""
        return pixels[:IGNORE].sum()


class CrossEntropy(PixelLoss):
    r"""Mean over valid pixels of :math:`-w_t \log p_t`, p the softmax and t the true class.

    Args:
        weights: of each class, float [K]; None counts all alike.
        weighted_mean: divide by the sum of the pixels' weights, as PyTorch does, instead of
            their number.
    """

    def __init__(self, weights: Tensor | None = None, weighted_mean: bool = True) -> None:
        super().__init__(weights)
        self.weighted_mean = weighted_mean
        self.term = "cross_entropy" if weights is None else "weighted_cross_entropy"

    def mass(self, pixels: Tensor) -> Tensor:
        """Number of valid pixels, or the sum of their weights."""
        if self.weights is None or not self.weighted_mean:
            return super().mass(pixels)
        return (pixels[: len(self.weights)] * self.weights).sum()

    def forward(self, output: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """One term, ``cross_entropy`` or ``weighted_cross_entropy``.

        Shape:
            ``output["logits"]`` float [B,C,H,W], ``batch["mask"]`` int64 [B,H,W], and
            ``batch["pixels"]`` [256].
        """
        logits, weights = full_precision(output["logits"]), self.weights
        total = F.cross_entropy(
            logits,
            batch["mask"],
            None if weights is None else weights.to(logits.dtype),
            ignore_index=IGNORE,
            reduction="sum",
        )
        return {self.term: total / self.mass(batch["pixels"]).clamp(min=LEAST)}


class Focal(PixelLoss):
    r"""Mean over valid pixels of :math:`-w_t (1 - p_t)^\gamma \log p_t`, p the softmax.

    Args:
        gamma: how much pixels that are right already count less, at least 0.
        weights: of each class, float [K]; None counts all alike.

    Source: Lin et al., Focal loss for dense object detection, 2017; castro2019, section 8.1.
    """

    def __init__(self, gamma: float, weights: Tensor | None = None) -> None:
        super().__init__(weights)
        self.gamma = gamma

    def forward(self, output: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """The term ``focal``; shapes as of :class:`CrossEntropy`."""
        logits, mask = full_precision(output["logits"]), batch["mask"]
        surprise = F.cross_entropy(logits, mask, ignore_index=IGNORE, reduction="none")  # [B,H,W]
        # The slope of a power below 1 is infinite at 0, where ignored pixels are.
        wrong = (-torch.expm1(-surprise)).clamp(min=1e-7)
        each = wrong**self.gamma * surprise
        if self.weights is not None:
            table = F.pad(self.weights, (0, IGNORE + 1 - len(self.weights)))
            each = each * table.to(each.dtype)[mask]
        return {"focal": each.sum() / self.mass(batch["pixels"]).clamp(min=LEAST)}


def full_precision(logits: Tensor) -> Tensor:
    """Half precision loses the small probabilities that the logarithm needs."""
    return logits if logits.dtype == torch.float64 else logits.float()
