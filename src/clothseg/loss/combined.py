"""Sums of losses: of several losses, or of one loss over several outputs of a network."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from torch import Tensor, nn

from clothseg.loss.pixelwise import PixelLoss


class Sum(PixelLoss):
    """Sum of several losses, each with weight 1.

    Args:
        losses: losses whose terms have different names.
    """

    def __init__(self, losses: Sequence[PixelLoss]) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)

    def counts(self, mask: Tensor) -> dict[str, Tensor]:
        """Return the counts of all losses, whose names are different."""
        losses = cast("Iterable[PixelLoss]", self.losses)
        return {name: count for loss in losses for name, count in loss.counts(mask).items()}

    def forward(self, output: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the terms of all losses."""
        return {key: term for loss in self.losses for key, term in loss(output, batch).items()}


def supervised(
    loss: nn.Module,
    output: Mapping[str, Tensor],
    batch: Mapping[str, Any],
    weights: Mapping[str, float],
) -> dict[str, Tensor]:
    """Apply a loss to the main output of a network and to its auxiliary outputs.

    Args:
        loss: returns terms by name.
        output: ``logits`` and auxiliary logits, all float [B,C,H,W].
        batch: as for every loss.
        weights: weight of each output by name; missing outputs have weight 1.

    Returns:
        The terms of ``logits`` and, as `<name>/<term>`, of the other outputs, times their weights.

    Source: Zhao et al., Pyramid scene parsing network, 2017, Fig. 4.
    """
    terms = {}
    for name, logits in output.items():
        prefix = "" if name == "logits" else f"{name}/"
        weight = weights.get(name, 1.0)
        for key, term in loss({"logits": logits}, batch).items():
            terms[prefix + key] = weight * term
    return terms
