"""SegNet as published: VGG-16 mirrored, and unpooling at the places of the maxima."""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (64, 128, 256, 512, 512)
"""Channels of the levels, from full resolution to the deepest, as in VGG-16."""
CONVOLUTIONS = (2, 2, 3, 3, 3)
"""Convolutions of each level, in the encoder and in the decoder."""


class ClassicSegNet(nn.Module):
    """SegNet whose decoder puts features back where the encoder's pools have found them.

    Args:
        classes: number of classes C.

    Source: Badrinarayanan, Kendall and Cipolla, SegNet, 2017: initialization of He et al., batch
        normalization before each ReLU, a linear last layer.
    """

    stride = 32

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(
            _block([inputs] + [width] * count)
            for inputs, width, count in zip((3, *WIDTHS), WIDTHS, CONVOLUTIONS, strict=False)
        )
        outputs = (64, *WIDTHS[:-1])
        levels = list(zip(WIDTHS, outputs, CONVOLUTIONS, strict=True))[::-1]
        self.decoder = nn.ModuleList(
            _block([width] * count + [output]) for width, output, count in levels[:-1]
        )
        self.decoder.append(
            _block([64] * CONVOLUTIONS[0]).append(nn.Conv2d(64, classes, 3, padding=1))
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits [B,C,H,W] of images [B,3,H,W], H and W multiples of 32."""
        features, places = image, []
        for block in self.encoder:
            features, indices = F.max_pool2d(block(features), 2, return_indices=True)
            places.append(indices)
        for block, indices in zip(self.decoder, reversed(places), strict=True):
            features = block(_unpool(features, indices))
        return features


def _unpool(features: Tensor, indices: Tensor) -> Tensor:
    """Put features [B,F,h,w] at the places of the maxima in maps [B,F,2h,2w] of zeros.

    Args:
        features: one value per window.
        indices: place of the window's maximum in the flattened map, as returned by max_pool2d.
    """
    batch, channels, height, width = features.shape
    maps = features.new_zeros(batch, channels, 4 * height * width)
    maps = maps.scatter(2, indices.flatten(2), features.flatten(2))
    return maps.view(batch, channels, 2 * height, 2 * width)


def _block(channels: list[int]) -> nn.Sequential:
    """Build a stack of convolution, batch normalization and ReLU."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
