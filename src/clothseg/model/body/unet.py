"""The original U-Net, but with padded convolutions, so the output has the size of the image."""

import torch
from torch import Tensor, nn


class ClassicUNet(nn.Module):
    """U-Net with five levels of two convolutions, transposed convolutions and concatenated skips.

    Args:
        classes: number of classes C.
        channels: channels of the first level; they double with each deeper level.

    Source: Ronneberger, Fischer and Brox, U-Net, 2015, with the initialization of its section 3.
        castro2019 states "unpadded", but the output would then be smaller than the image.
    """

    stride = 16

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        widths = [channels * 2**level for level in range(5)]
        self.down = nn.ModuleList(
            _double_convolution(in_channels, width)
            for in_channels, width in zip([3, *widths[:-1]], widths, strict=True)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * width, width, 2, stride=2) for width in reversed(widths[:-1])
        )
        self.merge = nn.ModuleList(
            _double_convolution(2 * width, width) for width in reversed(widths[:-1])
        )
        self.classifier = nn.Conv2d(channels, classes, 1)
        self.pool = nn.MaxPool2d(2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, image: Tensor) -> Tensor:
        """Return logits [B,C,H,W] of images [B,3,H,W], H and W multiples of 16."""
        features, skips = self.down[0](image), []
        for level in self.down[1:]:
            skips.append(features)
            features = level(self.pool(features))
        for up, merge in zip(self.up, self.merge, strict=True):
            features = merge(torch.cat([skips.pop(), up(features)], 1))
        logits: Tensor = self.classifier(features)
        return logits


def _double_convolution(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(out_channels, out_channels, 3, padding=1),
        nn.ReLU(inplace=True),
    )
