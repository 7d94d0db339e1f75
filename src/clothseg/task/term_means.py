"""Means of the terms of a loss over an epoch."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric

from clothseg.metric.names import LOSS


class TermMeans(nn.Module):
    """Mean of each term of a loss, and of their sum, over the batches of an epoch.

    The terms are known after the first batch; all processes have the same ones.
    """

    def __init__(self) -> None:
        super().__init__()
        self._means: dict[str, MeanMetric] = {}

    def update(self, terms: Mapping[str, Tensor], weight: Tensor) -> None:
        """Add the terms of a batch.

        Args:
            terms: scalars by name.
            weight: scalar weight of the batch.
        """
        total = torch.stack(list(terms.values())).sum()
        for name, term in {LOSS.name: total, **terms}.items():
            if name not in self._means:
                self._means[name] = MeanMetric().to(term.device)
            self._means[name].update(term.detach(), weight)

    def result(self) -> dict[str, Tensor]:
        """Return the means by name and reset them; a single term is the loss itself."""
        values = {}
        for name, mean in self._means.items():
            if name == LOSS.name or len(self._means) > 2:
                values[name] = mean.compute()
            mean.reset()
        return values
