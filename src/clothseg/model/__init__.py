"""Segmentation architectures, each an explicit function from a backbone and a class count.

Every function returns a :class:`clothseg.model.network.Network`: photos float32 [B,3,H,W] of any
size in, a dictionary with ``logits`` float32 [B,C,H,W] at the photos' size out, no softmax. In
training it also holds the logits of auxiliary classifiers, at the same size.
"""

from clothseg.model.convolutional import classic_unet, dilated_pspnet, fcn, segnet
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
    "classic_unet",
    "deeplabv3",
    "deeplabv3plus",
    "densenet_decoder",
    "dilated_pspnet",
    "fcn",
    "fpn",
    "linknet",
    "pspnet",
    "segformer",
    "segnet",
    "unet",
    "unetplusplus",
    "upernet",
]
