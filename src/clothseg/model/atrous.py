"""Dilation rates of an encoder whose last stages keep their resolution."""

from typing import Any

import torch
from torch import nn


def restore_rates(encoder: Any, name: str, output_stride: int) -> None:
    """Set dilation rates so that every convolution sees the neighbors it has in the plain encoder.

    Removing a stride doubles the distance between neighbors for all later convolutions, but not for
    the convolution that had the stride. segmentation-models-pytorch gives all convolutions of a
    stage the same rate, which is twice too large up to and including that convolution, so weights
    of a plain encoder would not fit.

    Mix Transformers are left unchanged: their strides also reduce the keys and values of attention.

    Args:
        encoder: of segmentation-models-pytorch, atrous from `output_stride` on.
        name: its name there; the rates of timm's encoders (`tu-`) are already right.
        output_stride: 8, 16 or 32, pixels.

    Source: torchvision's `replace_stride_with_dilation`; ResNets match it exactly.
    """
    if name.startswith(("tu-", "mit_")) or output_stride == 32:
        return
    from segmentation_models_pytorch.encoders import get_encoder

    with torch.device("meta"):  # only its strides are needed
        plain = get_encoder(name, weights=None)
    originals = dict(plain.named_modules())
    names = {module: module_name for module_name, module in encoder.named_modules()}
    rate = 1
    for stage_stride, parts in sorted(encoder.get_stages().items()):
        if stage_stride <= output_stride:
            continue
        for convolution in (m for part in parts for m in part.modules()):
            if isinstance(convolution, nn.Conv2d):
                original = originals[names[convolution]]
                _set_rate(convolution, original, rate)
                if max(original.stride) > 1 and max(original.kernel_size) > 1:
                    rate *= 2


def _set_rate(convolution: Any, original: Any, rate: int) -> None:
    """Dilate a convolution by `rate` relative to the plain one, and scale its padding to match."""
    height, width = convolution.kernel_size
    top, left = original.padding
    convolution.dilation = rate, rate
    if not hasattr(original, "static_padding"):
        convolution.padding = rate * top, rate * left
        return
    # EfficientNet pads as TensorFlow does: less at the top and left than at the bottom and right.
    if isinstance(original.static_padding, nn.ZeroPad2d):
        left, _, top, _ = original.static_padding.padding
    sides = left, width - 1 - left, top, height - 1 - top
    convolution.padding = 0, 0
    convolution.static_padding = nn.ZeroPad2d(tuple(rate * side for side in sides))
