"""Architectures implemented in :mod:`clothseg.model.body`, with explicit arguments.

Torch is imported when a network is built.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from clothseg.backbone import Backbone
from clothseg.model.compatibility import PYRAMID_SIZES
from clothseg.model.encoder import build_encoder
from clothseg.model.segmentation_models import (
    AuxiliaryWeight,
    Dropout,
)

if TYPE_CHECKING:
    from torch import nn

    from clothseg.model.network import Network

OutputStride = Literal[8, 16, 32]


def classic_unet(
    backbone: Backbone, classes: int, *, channels: Annotated[int, Field(ge=1, le=256)]
) -> "Network":
    """U-Net with its original contracting path, padded.

    Args:
        backbone: `none`.
        classes: number of classes C.
        channels: channels of the first level; the deepest has 16 times as many.

    Source: Ronneberger, Fischer and Brox, U-Net, 2015; castro2019, section 7.2.
    """
    from clothseg.model.body.unet import ClassicUNet
    from clothseg.model.network import Network

    return Network(ClassicUNet(classes, channels), ClassicUNet.stride)


def classic_segnet(backbone: Backbone, classes: int) -> "Network":
    """SegNet as published.

    Args:
        backbone: `none`.
        classes: number of classes C.

    Source: Badrinarayanan, Kendall and Cipolla, SegNet, 2017. A baseline in dang2020.
    """
    from clothseg.model.body.classic_segnet import ClassicSegNet
    from clothseg.model.network import Network

    return Network(ClassicSegNet(classes), ClassicSegNet.stride)


def segnet(
    backbone: Backbone,
    classes: int,
    *,
    complex_decoder_convs: Literal[2, 3],
    batchnorm_momentum: Annotated[float, Field(gt=0, le=1)] = 0.01,
) -> "Network":
    """SegNet of castro2019.

    Args:
        backbone: `none`.
        classes: number of classes C.
        complex_decoder_convs: convolutions in each complex block of the decoder; the parameter
            counts in Table 2 match 3, Table 1 lists 2.
        batchnorm_momentum: weight of the current batch in the running statistics. After n steps the
            initial statistics still have weight (1 - momentum)^n: with Keras' 0.01, a training of a
            few hundred steps is evaluated with statistics that do not match its weights.

    Source: castro2019, Tables 1 and 2.
    """
    from clothseg.model.body.segnet import SegNet
    from clothseg.model.network import Network

    return Network(SegNet(classes, complex_decoder_convs, batchnorm_momentum), SegNet.stride)


def fcn(
    backbone: Backbone,
    classes: int,
    *,
    output_stride: OutputStride,
    head: Literal["linear", "convolutional"],
    auxiliary_weight: AuxiliaryWeight,
) -> "Network":
    """Fully convolutional network: a classifier on the encoder, upsampled bilinearly.

    Args:
        backbone: the encoder.
        classes: number of classes C.
        output_stride: output stride of the encoder, pixels; below 32 its last stages are atrous.
            16 with `resnet50` is castro2019's Atrous ResNet50, 32 its FCN ResNet50.
        head: a linear classifier, or torchvision's with an additional convolution.
        auxiliary_weight: weight of the loss of a classifier on the second-to-last stage, as in
            torchvision's `fcn_resnet50`; None disables it.

    Source: Long, Shelhamer and Darrell, Fully convolutional networks, 2015; castro2019, sections
        7.4 and 7.5.
    """
    from torch import nn

    from clothseg.model.body.on_encoder import convolutional_head

    encoder = build_encoder(backbone, output_stride)
    features = encoder.out_channels[-1]
    classifier = (
        nn.Conv2d(features, classes, 1)
        if head == "linear"
        else convolutional_head(features, classes)
    )
    return _on_encoder(encoder, classifier, classes, output_stride, auxiliary_weight)


def dilated_pspnet(
    backbone: Backbone,
    classes: int,
    *,
    output_stride: OutputStride,
    dropout: Dropout,
    auxiliary_weight: AuxiliaryWeight,
) -> "Network":
    """Pyramid scene parsing network on a full encoder with atrous stages, as published.

    Args:
        backbone: the encoder.
        classes: number of classes C.
        output_stride: output stride of the encoder, pixels.
        dropout: probability of dropping an entire channel before the classifier.
        auxiliary_weight: weight of the loss of a classifier on the second-to-last stage; None
            disables it.

    Source: Zhao et al., Pyramid scene parsing network, 2017: stride 8, grids of 1, 2, 3 and 6
        cells, weight 0.4. A baseline in dang2020.
    """
    from clothseg.model.body.on_encoder import PyramidPooling

    encoder = build_encoder(backbone, output_stride)
    pooling = PyramidPooling(encoder.out_channels[-1], classes, (1, 2, 3, 6), dropout)
    return _on_encoder(encoder, pooling, classes, output_stride, auxiliary_weight)


def pyramid_unet(
    backbone: Backbone,
    classes: int,
    *,
    geometry: Literal["strict", "flexible"],
    image_heads: bool,
    segmentation_heads: bool,
    norm: Literal["none", "batch"],
    init: Literal["lecun", "kaiming"],
    width: Annotated[float, Field(gt=0, le=2)],
    compute_aux_at_inference: bool,
) -> "Network":
    """U-Net of seven levels whose decoder predicts, at each level, the classes that are present.

    Args:
        backbone: `none`.
        classes: number of classes C.
        geometry: images of 224x224 px only (`strict`), or of 224 px or more per side (`flexible`).
            At 224x224 px, both are the same network.
        image_heads: add the blocks that reconstruct the image at four smaller sizes.
        segmentation_heads: add the blocks that predict the segmentation at four smaller sizes.
        norm: batch normalization before each ReLU, or none as in the paper, which leaves the deep
            levels with vanishing gradients unless the losses of all levels are used.
        init: initial weights, `lecun` as in the paper, or `kaiming` for ReLU.
        width: factor of the channels; 1 is the network of the paper.
        compute_aux_at_inference: compute the outputs of both kinds of heads in evaluation mode too.

    Source: dang2020, section III-B and Table II.
    """
    from clothseg.model.body.pyramid_unet import PyramidUNet
    from clothseg.model.network import Network

    body = PyramidUNet(
        classes,
        image_heads=image_heads,
        segmentation_heads=segmentation_heads,
        norm=norm,
        init=init,
        width=width,
        compute_aux_at_inference=compute_aux_at_inference,
    )
    return Network(body, PyramidUNet.stride, sizes=PYRAMID_SIZES[geometry])


def _on_encoder(
    encoder: Any, head: "nn.Module", classes: int, stride: int, auxiliary_weight: float | None
) -> "Network":
    from clothseg.model.auxiliary import stage_before_last
    from clothseg.model.body.on_encoder import OnEncoder
    from clothseg.model.network import Network

    body = OnEncoder(encoder, head)
    if auxiliary_weight is None:
        return Network(body, stride)
    return Network(body, stride, *stage_before_last(body, classes, auxiliary_weight))
