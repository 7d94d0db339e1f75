"""Convolutions and resizing that the parts of HPTR share."""

import torch.nn.functional as F
from torch import Tensor, nn


def convolution(
    before: int, after: int, groups: int, kernel: int = 3, stride: int = 1
) -> nn.Sequential:
    """Convolution, group normalization and ReLU; the size is divided by the stride.

    Args:
        before: channels of the input.
        after: channels of the output, a multiple of the groups.
        groups: groups of the normalization.
        kernel: size of the kernel, an odd number.
        stride: stride of the convolution.
    """
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False),
        nn.GroupNorm(groups, after),
        nn.ReLU(inplace=True),
    )


def resized_like(features: Tensor, other: Tensor) -> Tensor:
    """Resize features [B,F,h,w] to the height and width of others by nearest neighbors."""
    return F.interpolate(features, other.shape[-2:], mode="nearest-exact")
