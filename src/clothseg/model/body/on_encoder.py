"""Heads on the last feature map of an encoder, bilinearly upsampled to the image size."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class OnEncoder(nn.Module):
    """Encoder, a head on its deepest features, and bilinear upsampling.

    Args:
        encoder: returns the features of all its stages, the deepest last.
        head: maps the deepest features [B,F,h,w] to logits [B,C,h,w].
    """

    def __init__(self, encoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, image: Tensor) -> Tensor:
        """Return logits [B,C,H,W] of images [B,3,H,W]."""
        logits = self.head(self.encoder(image)[-1])
        return F.interpolate(logits, image.shape[-2:], mode="bilinear", align_corners=False)


def convolutional_head(in_channels: int, classes: int) -> nn.Sequential:
    """Build a convolution to a quarter of the channels, followed by the classifier.

    Source: the head of torchvision's `fcn_resnet50` and of its auxiliary outputs.
    """
    hidden = in_channels // 4
    return nn.Sequential(
        nn.Conv2d(in_channels, hidden, 3, padding=1, bias=False),
        nn.BatchNorm2d(hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(0.1),
        nn.Conv2d(hidden, classes, 1),
    )


class PyramidPooling(nn.Module):
    """Averages over grids of several sizes, concatenated with the input features.

    Args:
        in_channels: channels F of the features.
        classes: number of classes C.
        bins: cells along each side of the grids.
        dropout: probability of dropping an entire channel before the classifier.

    Source: Zhao et al., Pyramid scene parsing network, 2017, Fig. 3.
    """

    def __init__(
        self, in_channels: int, classes: int, bins: tuple[int, ...], dropout: float
    ) -> None:
        super().__init__()
        level_channels = in_channels // len(bins)
        self.levels = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(cells), _convolution(in_channels, level_channels, 1))
            for cells in bins
        )
        self.classify = nn.Sequential(
            _convolution(in_channels + len(bins) * level_channels, in_channels // 4, 3),
            nn.Dropout2d(dropout),
            nn.Conv2d(in_channels // 4, classes, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return logits [B,C,h,w] of features [B,F,h,w]."""
        size = features.shape[-2:]
        pooled = [
            F.interpolate(level(features), size, mode="bilinear", align_corners=False)
            for level in self.levels
        ]
        logits: Tensor = self.classify(torch.cat([features, *pooled], 1))
        return logits


def _convolution(in_channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
