"""Losses that are a mean over pixels."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clothseg.labels import IGNORE

EPSILON = 1e-12
"""Smallest denominator of a mean; it applies if no pixel is valid and the sum is 0."""


class PixelLoss(nn.Module):
    """Base class of losses with class weights.

    Args:
        weights: weight of each class, float [K]; None for equal weights.
    """

    weights: Tensor | None

    def __init__(self, weights: Tensor | None = None) -> None:
        super().__init__()
        # Not stored in checkpoints: determined by the configuration and the split.
        self.register_buffer("weights", weights, persistent=False)

    def mass(self, pixels: Tensor) -> Tensor:
        """Return the denominator of the mean, a scalar, from pixel counts per mask value [256]."""
        return pixels[:IGNORE].sum()

    def counts(self, mask: Tensor) -> dict[str, Tensor]:
        """Count the elements of further means in masks int64 [B,H,W]: scalars by name.

        ``batch["counts"]`` has the averages over all micro-batches and processes of a step.
        """
        return {}


class CrossEntropy(PixelLoss):
    r"""Mean over valid pixels of :math:`-w_t \log p_t`, p the softmax and t the true class.

    Args:
        weights: weight of each class, float [K]; None for equal weights.
        weighted_mean: divide by the sum of the pixels' weights, as PyTorch does, instead of
            their number.
    """

    def __init__(self, weights: Tensor | None = None, weighted_mean: bool = True) -> None:
        super().__init__(weights)
        self.weighted_mean = weighted_mean
        self.term = "cross_entropy" if weights is None else "weighted_cross_entropy"

    def mass(self, pixels: Tensor) -> Tensor:
        """Return the number of valid pixels, or the sum of their weights."""
        if self.weights is None or not self.weighted_mean:
            return super().mass(pixels)
        return (pixels[: len(self.weights)] * self.weights).sum()

    def forward(self, output: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the term ``cross_entropy`` or ``weighted_cross_entropy``.

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
        return {self.term: total / self.mass(batch["pixels"]).clamp(min=EPSILON)}


class Focal(PixelLoss):
    r"""Mean over valid pixels of :math:`-w_t (1 - p_t)^\gamma \log p_t`, p the softmax.

    Args:
        gamma: focusing parameter that down-weights well-classified pixels, at least 0.
        weights: weight of each class, float [K]; None for equal weights.

    Source: Lin et al., Focal loss for dense object detection, 2017; castro2019, section 8.1.
    """

    def __init__(self, gamma: float, weights: Tensor | None = None) -> None:
        super().__init__(weights)
        self.gamma = gamma

    def forward(self, output: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the term ``focal``; shapes as in :class:`CrossEntropy`."""
        logits, mask = full_precision(output["logits"]), batch["mask"]
        cross_entropy = F.cross_entropy(logits, mask, ignore_index=IGNORE, reduction="none")
        # 1 - p_t [B,H,W] is 0 at ignored pixels, where a power below 1 has an infinite derivative.
        error = (-torch.expm1(-cross_entropy)).clamp(min=1e-7)
        losses = error**self.gamma * cross_entropy
        if self.weights is not None:
            table = F.pad(self.weights, (0, IGNORE + 1 - len(self.weights)))
            losses = losses * table.to(losses.dtype)[mask]
        return {"focal": losses.sum() / self.mass(batch["pixels"]).clamp(min=EPSILON)}


def full_precision(logits: Tensor) -> Tensor:
    """Convert half-precision logits to float32, which small probabilities need."""
    return logits if logits.dtype == torch.float64 else logits.float()
