"""Encoders of segmentation-models-pytorch with their weights."""

from typing import TYPE_CHECKING, Any

from clothseg.backbone import Backbone, load_weights

if TYPE_CHECKING:
    from torch import nn


def build_encoder(backbone: Backbone, output_stride: int = 32) -> Any:
    """Build an encoder and load its weights.

    Args:
        backbone: the encoder.
        output_stride: output stride, pixels; below 32 its last stages are atrous.
    """
    from segmentation_models_pytorch.encoders import get_encoder

    from clothseg.model.atrous import restore_rates

    keywords = {"strict_img_size": False} if backbone.name.startswith("tu-swin") else {}
    encoder = get_encoder(backbone.name, weights=None, output_stride=output_stride, **keywords)
    restore_rates(encoder, backbone.name, output_stride)
    if backbone.weights is None:
        use_default_batchnorm_momentum(encoder)
    load_weights(encoder, backbone)
    return encoder


def use_default_batchnorm_momentum(encoder: "nn.Module") -> None:
    """Set the momentum of batch normalization to PyTorch's default.

    EfficientNet's momentum is a tenth of it: when training from scratch, the running statistics
    would stay near their initial values for thousands of steps.
    """
    from torch import nn

    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.1
