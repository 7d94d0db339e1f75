"""Heads on the last feature map of an encoder, upsampled bilinearly to the photo's size."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class OnEncoder(nn.Module):
    """An encoder, a head on its deepest features, and bilinear upsampling.

    Args:
        encoder: gives features of all its stages, the deepest last.
        head: maps the deepest features [B,F,h,w] to logits [B,C,h,w].
    """

    def __init__(self, encoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, image: Tensor) -> Tensor:
        """Logits [B,C,H,W] of photos [B,3,H,W]."""
        logits = self.head(self.encoder(image)[-1])
        return F.interpolate(logits, image.shape[-2:], mode="bilinear", align_corners=False)


def convolutional_head(inputs: int, classes: int) -> nn.Sequential:
    """A convolution to a quarter of the channels, and the classifier.

    Source: the head of torchvision's `fcn_resnet50` and of its auxiliary outputs.
    """
    inner = inputs // 4
    return nn.Sequential(
        nn.Conv2d(inputs, inner, 3, padding=1, bias=False),
        nn.BatchNorm2d(inner),
        nn.ReLU(inplace=True),
        nn.Dropout(0.1),
        nn.Conv2d(inner, classes, 1),
    )


class PyramidPooling(nn.Module):
    """Means over grids of several sizes, joined with the features they come from.

    Args:
        inputs: channels F of the features.
        classes: number of classes C.
        bins: cells along each side of the grids.
        dropout: probability that a whole channel is dropped before the classifier.

    Source: Zhao et al., Pyramid scene parsing network, 2017, Fig. 3.
    """

    def __init__(self, inputs: int, classes: int, bins: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        each = inputs // len(bins)
        self.levels = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(cells), _convolution(inputs, each, 1))
            for cells in bins
        )
        self.classify = nn.Sequential(
            _convolution(inputs + len(bins) * each, inputs // 4, 3),
            nn.Dropout2d(dropout),
            nn.Conv2d(inputs // 4, classes, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Logits [B,C,h,w] of features [B,F,h,w]."""
        size = features.shape[-2:]
        means = [
            F.interpolate(level(features), size, mode="bilinear", align_corners=False)
            for level in self.levels
        ]
        return self.classify(torch.cat([features, *means], 1))


def _convolution(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
