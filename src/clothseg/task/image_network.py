"""Network with the normalization of its images."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

NORMALIZATIONS = {
    "unit": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "inception": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
"""Mean and standard deviation per RGB channel, for images in [0, 1]."""

Batch = dict[str, Any]


class ImageNetwork(nn.Module, ABC):
    """Base class of a network with everything that its use needs.

    Args:
        network: the network.
        normalization: `unit`, `imagenet` or `inception`.
    """

    names: list[str]
    """Class names in id order."""
    scale: Tensor
    shift: Tensor

    def __init__(self, network: nn.Module, normalization: str) -> None:
        super().__init__()
        self.network = network
        mean, std = torch.tensor(NORMALIZATIONS[normalization])
        # Images arrive as 0..255; one multiplication and one addition normalize them.
        self.register_buffer("scale", 1 / (255 * std).view(3, 1, 1), persistent=False)
        self.register_buffer("shift", -(mean / std).view(3, 1, 1), persistent=False)

    @abstractmethod
    def prepared(self, batch: Batch) -> Batch:
        """Convert a batch on the device to what the network and the loss take."""

    def normalized(self, images: Tensor) -> Tensor:
        """Convert images uint8 [B,H,W,3] to the network's normalized input float32 [B,3,H,W]."""
        return images.permute(0, 3, 1, 2).float() * self.scale + self.shift
