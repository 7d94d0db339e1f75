"""Segmentation architectures: one function each, from a backbone and a number of classes.

Every function returns a :class:`clothseg.model.network.Network`, which maps images float32
[B,3,H,W] of any size to a dictionary with ``logits`` float32 [B,C,H,W] at the same size (no
softmax). In training mode the dictionary also holds the logits of auxiliary classifiers.

:func:`hptr` is for human parsing and returns a
:class:`clothseg.model.parsing_network.ParsingNetwork`.
"""

from clothseg.model.convolutional import (
    classic_segnet,
    classic_unet,
    dilated_pspnet,
    fcn,
    pyramid_unet,
    segnet,
)
from clothseg.model.parsing import hptr
from clothseg.model.segmentation_models import (
    deeplabv3,
    deeplabv3plus,
    densenet_decoder,
    fpn,
    linknet,
    pspnet,
    segformer,
    unet,
    unetplusplus,
    upernet,
)

__all__ = [
    "classic_segnet",
    "classic_unet",
    "deeplabv3",
    "deeplabv3plus",
    "densenet_decoder",
    "dilated_pspnet",
    "fcn",
    "fpn",
    "hptr",
    "linknet",
    "pspnet",
    "pyramid_unet",
    "segformer",
    "segnet",
    "unet",
    "unetplusplus",
    "upernet",
]
