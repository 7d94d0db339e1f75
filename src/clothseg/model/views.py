"""Test-time augmentation: a photo and its mirror image are looked at, and both views averaged."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FlipAverage(nn.Module):
    """A network that sees every photo twice, the second time mirrored.

    What it says about the mirror image is mirrored back, and classes that trade places in a mirror
    are exchanged. Probabilities are averaged and not logits: logits mean nothing but for their
    differences, and those of a view that is sure by mistake are without bound, so that it would
    outvote the other one.

    Args:
        network: gives ``logits`` [B,C,H,W].
        exchanged: class id of every class id in a mirror uint8 [256], see
            :attr:`clothseg.labels.LabelSpace.exchanged`.
    """

    exchanged: Tensor

    def __init__(self, network: nn.Module, exchanged: np.ndarray) -> None:
        super().__init__()
        self.network = network
        table = torch.from_numpy(exchanged.astype(np.int64))
        self.register_buffer("exchanged", table, persistent=False)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Logarithm of the mean probabilities [B,C,H,W] of photos [B,3,H,W], as ``logits``."""
        seen = self.network(image)["logits"]
        mirrored = self.network(image.flip(-1))["logits"]
        mirrored = mirrored.flip(-1)[:, self.exchanged[: mirrored.shape[1]]]
        both = F.log_softmax(seen, 1), F.log_softmax(mirrored, 1)
        return {"logits": torch.logaddexp(*both) - math.log(2)}
