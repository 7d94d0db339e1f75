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


class DeepSupervision(PixelLoss):
    """Weighted sum of one loss over the main output of a network and over its auxiliary outputs.

    Without auxiliary outputs, as in validation, it is the loss of the main output.

    Args:
        loss: the loss of each output.
        weights: weight of each output by name, the main one is ``logits``; each is float
            [B,C,H,W].

    Source: Zhao et al., Pyramid scene parsing network, 2017, Fig. 4.
    """

    def __init__(self, loss: PixelLoss, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.loss, self.output_weights = loss, dict(weights)

    def mass(self, pixels: Tensor) -> Tensor:
        """Return the denominator of the mean of each output."""
        return self.loss.mass(pixels)

    def counts(self, mask: Tensor) -> dict[str, Tensor]:
        """Return the denominators of the loss, which are those of each output."""
        return self.loss.counts(mask)

    def forward(self, output: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the weighted terms of ``logits`` and, as `<name>/<term>`, of the other outputs."""
        present = [name for name in self.output_weights if name in output]
        if present == ["logits"]:
            return dict(self.loss(output, batch))
        terms = {}
        for name in present:
            prefix = "" if name == "logits" else f"{name}/"
            for key, term in self.loss({**output, "logits": output[name]}, batch).items():
                terms[prefix + key] = self.output_weights[name] * term
        return terms
