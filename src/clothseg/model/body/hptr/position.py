"""Position code of the features of a transformer."""

import math

import torch
from torch import Tensor

TEMPERATURE = 10_000
EPSILON = 1e-6
"""Smallest extent of an image, which divides positions."""


def sine_positions(padding: Tensor, features: int) -> Tensor:
    """Encode row and column by sines and cosines of decreasing frequency, float [B,2F,h,w].

    Positions are fractions of the height and width of the unpadded image; the first F features are
    those of the row.

    Args:
        padding: True where the image is padded, bool [B,h,w].
        features: features F of each axis, an even number.

    Source: Carion et al., End-to-end object detection with transformers, 2020; the normalized
        variant of its program.
    """
    inside = (~padding).float()
    exponents = torch.arange(features // 2, device=padding.device) * 2 / features
    frequencies = 2 * math.pi / TEMPERATURE**exponents
    codes = []
    for axis in (1, 2):
        position = inside.cumsum(axis)
        position = position / (position.narrow(axis, position.shape[axis] - 1, 1) + EPSILON)
        angle = position[..., None] * frequencies  # [B,h,w,F/2]
        codes.append(torch.stack([angle.sin(), angle.cos()], -1).flatten(-2))
    return torch.cat(codes, -1).permute(0, 3, 1, 2)
