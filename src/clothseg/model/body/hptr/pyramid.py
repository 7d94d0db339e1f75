"""Pyramid decoder of HPTR, and the heads of its semantic maps."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clothseg.model.body.hptr.layers import convolution, resized_like

CONVOLUTIONS = 4
"""3x3 convolutions of each level, and of each head."""
GROUPS = 32
"""Groups of normalization."""


class Pyramid(nn.Module):
    """Features of four levels, brought to stride 4 and reduced to those that all heads share.

    Args:
        channels: channels of the encoder's levels of strides 4, 8, 16 and 32.
        lateral: channels of the levels of the pyramid.
        width: channels of each level after its convolutions, and of the result.

    Source: loesch2021, section 3 and Fig. 3; widths and normalization are ours.
    """

    def __init__(self, channels: Sequence[int], lateral: int, width: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(count, lateral, 1) for count in channels)
        self.outputs = nn.ModuleList(nn.Conv2d(lateral, lateral, 3, padding=1) for _ in channels)
        self.levels = nn.ModuleList(_convolutions(lateral, width) for _ in channels)
        self.reduction = convolution(width * len(channels), width, GROUPS, kernel=1)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Return features [B,F,h,w] of the size of the first of the encoder's levels."""
        merged: list[Tensor] = []
        for lateral, features in zip(reversed(self.laterals), reversed(levels), strict=True):
            own = lateral(features)
            merged.append(own + resized_like(merged[-1], own) if merged else own)
        refined = [
            level(output(features))
            for level, output, features in zip(
                self.levels, self.outputs, reversed(merged), strict=True
            )
        ]
        size = refined[0].shape[-2:]
        same_size = [F.interpolate(f, size, mode="bilinear", align_corners=False) for f in refined]
        result: Tensor = self.reduction(torch.cat(same_size, 1))
        return result


def semantic_head(width: int, classes: int) -> nn.Sequential:
    """Head of a semantic map, on shared features [B,F,h,w].

    Args:
        width: channels F.
        classes: number of classes with the background.
    """
    return nn.Sequential(_convolutions(width, width), nn.Conv2d(width, classes, 1))


def _convolutions(before: int, width: int) -> nn.Sequential:
    counts = [before, *[width] * (CONVOLUTIONS - 1)]
    return nn.Sequential(*(convolution(count, width, GROUPS) for count in counts))
