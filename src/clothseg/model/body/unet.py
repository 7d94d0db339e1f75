"""U-Net as it was published, but padded, so that the output has the photo's size."""

import torch
from torch import Tensor, nn


class ClassicUNet(nn.Module):
    """Five levels of two convolutions, four transposed convolutions, and skips that are joined.

    Args:
        classes: number of classes C.
        channels: of the first level; every deeper one has twice as many.

    Source: Ronneberger, Fischer and Brox, U-Net, 2015, with the initialisation of its section 3.
        castro2019 says "unpadded", which would not give an output of the photo's size.
    """

    stride = 16

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        widths = [channels * 2**level for level in range(5)]
        self.down = nn.ModuleList(
            _two_convolutions(inputs, width)
            for inputs, width in zip([3, *widths[:-1]], widths, strict=True)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * width, width, 2, stride=2) for width in reversed(widths[:-1])
        )
        self.merge = nn.ModuleList(
            _two_convolutions(2 * width, width) for width in reversed(widths[:-1])
        )
        self.classifier = nn.Conv2d(channels, classes, 1)
        self.pool = nn.MaxPool2d(2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, image: Tensor) -> Tensor:
        """Logits [B,C,H,W] of photos [B,3,H,W], H and W multiples of 16."""
        features, skips = self.down[0](image), []
        for level in self.down[1:]:
            skips.append(features)
            features = level(self.pool(features))
        for up, merge in zip(self.up, self.merge, strict=True):
            features = merge(torch.cat([skips.pop(), up(features)], 1))
        return self.classifier(features)


def _two_convolutions(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
    )
