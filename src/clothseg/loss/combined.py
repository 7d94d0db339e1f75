"""Losses that are sums: of several losses, or of one over several outputs of a network."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from clothseg.loss.pixelwise import PixelLoss


class Sum(PixelLoss):
    """The terms of several losses, each with weight 1.

    Args:
        losses: with terms of different names.
    """

    def __init__(self, losses: Sequence[PixelLoss]) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)

    def forward(self, output: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """The terms of all."""
        return {key: term for loss in self.losses for key, term in loss(output, batch).items()}


def supervised(
    loss: nn.Module,
    output: Mapping[str, Tensor],
    batch: Mapping[str, Any],
    weights: Mapping[str, float],
) -> dict[str, Tensor]:
    """Terms of a network's output, and of those of its auxiliary outputs that it gives.

    Args:
        loss: gives terms.
        output: ``logits`` and auxiliary logits, all float [B,C,H,W].
        batch: as of every loss.
        weights: weight of each output, by name; that of ``logits`` is 1 where it is not there.

    Returns:
        The terms of ``logits`` and `<name>/<term>` of the others, times their weights.

    Source: Zhao et al., Pyramid scene parsing network, 2017, Fig. 4.
    """
    terms = {}
    for name, logits in output.items():
        prefix = "" if name == "logits" else f"{name}/"
        weight = weights.get(name, 1.0)
        for key, term in loss({"logits": logits}, batch).items():
            terms[prefix + key] = weight * term
    return terms
