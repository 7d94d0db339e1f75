"""FC-DenseNet67: dense blocks in the contracting and the expanding path."""

import torch
from torch import Tensor, nn

FIRST, GROWTH, LAYERS, LEVELS, DROPOUT = 48, 16, 5, 5, 0.2
"""Channels of the first convolution and of each layer, layers per block, levels, dropout."""


class FCDenseNet67(nn.Module):
    """FC-DenseNet67: five levels per path; only the new features of a block are upsampled.

    Args:
        classes: number of classes C.

    Source: Jégou et al., The one hundred layers Tiramisu, 2017, Tables 1 and 2 for FC-DenseNet67.
    """

    stride = 32

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, FIRST, 3, padding=1)
        channels, skips = FIRST, []
        self.down, self.reduce = nn.ModuleList(), nn.ModuleList()
        for _ in range(LEVELS):
            self.down.append(_DenseBlock(channels))
            channels += LAYERS * GROWTH
            skips.append(channels)
            self.reduce.append(nn.Sequential(_layer(channels, channels, 1), nn.MaxPool2d(2)))
        self.bottom = _DenseBlock(channels)
        new = LAYERS * GROWTH
        self.raise_, self.up = nn.ModuleList(), nn.ModuleList()
        for skip in reversed(skips):
            self.raise_.append(
                nn.ConvTranspose2d(new, new, 3, stride=2, padding=1, output_padding=1)
            )
            self.up.append(_DenseBlock(skip + new))
        self.classifier = nn.Conv2d(skips[0] + new + new, classes, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")

    def forward(self, image: Tensor) -> Tensor:
        """Return logits [B,C,H,W] of images [B,3,H,W], H and W multiples of 32."""
        features, skips = self.first(image), []
        for block, reduce in zip(self.down, self.reduce, strict=True):
            features = torch.cat([features, block(features)], 1)
            skips.append(features)
            features = reduce(features)
        new = self.bottom(features)
        for raise_, block in zip(self.raise_, self.up, strict=True):
            features = torch.cat([skips.pop(), raise_(new)], 1)
            new = block(features)
        logits: Tensor = self.classifier(torch.cat([features, new], 1))
        return logits


class _DenseBlock(nn.Module):
    """Layers that each take all previous features; returns only the new ones, [B,80,H,W]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _layer(channels + index * GROWTH, GROWTH, 3) for index in range(LAYERS)
        )

    def forward(self, features: Tensor) -> Tensor:
        new: list[Tensor] = []
        for layer in self.layers:
            new.append(layer(torch.cat([features, *new], 1)))
        return torch.cat(new, 1)


def _layer(in_channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(in_channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2),
        nn.Dropout2d(DROPOUT),
    )
