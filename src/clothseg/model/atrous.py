"""Rates of atrous convolutions in an encoder whose last stages keep their resolution."""

from typing import Any

import torch
from torch import nn


def restore_rates(encoder: Any, name: str, output_stride: int) -> None:
    """Let every convolution see the neighbours that it saw before strides were taken out.

    Behind a stride that was taken out neighbours are twice as far apart, at the very convolution
    that had it they are not. segmentation-models-pytorch gives all convolutions of a stage one
    rate, which is twice too large up to that one, so that weights of a plain encoder would not fit.

    Mix Transformers stay as they are: strides in them also thin out what attention looks at.

    Args:
        encoder: of segmentation-models-pytorch, atrous from `output_stride` on.
        name: its name there; timm's (`tu-`) have the right rates.
        output_stride: 8, 16 or 32, pixels.

    Source: torchvision's `replace_stride_with_dilation`, with which ResNets agree to the bit.
    """
    if name.startswith(("tu-", "mit_")) or output_stride == 32:
        return
    from segmentation_models_pytorch.encoders import get_encoder

    with torch.device("meta"):  # which knows its strides and computes nothing
        plain = get_encoder(name, weights=None)
    originals = dict(plain.named_modules())
    places = {module: place for place, module in encoder.named_modules()}
    rate = 1
    for stage_stride, parts in sorted(encoder.get_stages().items()):
        if stage_stride <= output_stride:
            continue
        for convolution in (m for part in parts for m in part.modules()):
            if isinstance(convolution, nn.Conv2d):
                original = originals[places[convolution]]
                _set_rate(convolution, original, rate)
                if max(original.stride) > 1 and max(original.kernel_size) > 1:
                    rate *= 2


def _set_rate(convolution: Any, original: Any, rate: int) -> None:
    """Let a convolution reach `rate` times as far as the plain one, to all sides alike."""
    height, width = convolution.kernel_size
    top, left = original.padding
    convolution.dilation = rate, rate
    if not hasattr(original, "static_padding"):
        convolution.padding = rate * top, rate * left
        return
    # EfficientNet's convolutions are padded as TensorFlow does it: less before than behind.
    if isinstance(original.static_padding, nn.ZeroPad2d):
        left, _, top, _ = original.static_padding.padding
    sides = left, width - 1 - left, top, height - 1 - top
    convolution.padding = 0, 0
    convolution.static_padding = nn.ZeroPad2d(tuple(rate * side for side in sides))
