"""Architectures of segmentation-models-pytorch, with explicit arguments.

The library silently accepts unknown keywords; these functions do not. It is imported when a network
is built, because the import takes seconds.
"""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from clothseg.backbone import Backbone, load_weights
from clothseg.model.encoder import use_default_batchnorm_momentum

if TYPE_CHECKING:
    from clothseg.model.auxiliary import Outputs
    from clothseg.model.network import Network

Channels = Annotated[int, Field(ge=1, le=4096)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Levels = Annotated[list[Channels], Field(min_length=5, max_length=5)]
AuxiliaryWeight = Annotated[float, Field(gt=0)] | None
Rates = Annotated[list[Channels], Field(min_length=3, max_length=3)]


def fpn(
    backbone: Backbone,
    classes: int,
    *,
    pyramid_channels: Channels,
    segmentation_channels: Channels,
    merge: Literal["add", "cat"],
    dropout: Dropout,
) -> "Network":
    """Feature pyramid network.

    Args:
        backbone: the encoder.
        classes: number of classes C.
        pyramid_channels: channels of every level of the pyramid.
        segmentation_channels: channels of every level after its own convolutions.
        merge: add the levels, or concatenate them as in the text of inacio2019.
        dropout: probability of dropping an entire channel before the last layer.

    Source: Lin et al., Feature pyramid networks for object detection, 2017.
    """
    return _build(
        "FPN",
        backbone,
        classes,
        decoder_pyramid_channels=pyramid_channels,
        decoder_segmentation_channels=segmentation_channels,
        decoder_merge_policy=merge,
        decoder_dropout=dropout,
    )


def linknet(backbone: Backbone, classes: int) -> "Network":
    """LinkNet; arguments as in :func:`fpn`.

    Source: Chaurasia and Culurciello, LinkNet, 2017.
    """
    return _build("Linknet", backbone, classes)


def pspnet(backbone: Backbone, classes: int, *, channels: Channels, dropout: Dropout) -> "Network":
    """Pyramid scene parsing network on the first three stages of the encoder.

    Args:
        backbone: the encoder.
        classes: number of classes C.
        channels: channels after pooling.
        dropout: probability of dropping an entire channel before the last layer.

    Source: Zhao et al., Pyramid scene parsing network, 2017; truncated at stride 8 as in the Keras
        package cited by inacio2019.
    """
    return _build("PSPNet", backbone, classes, psp_out_channels=channels, psp_dropout=dropout)


def unet(
    backbone: Backbone, classes: int, *, decoder_channels: Levels, deep_supervision: bool = False
) -> "Network":
    """U-Net whose contracting path is the encoder.

    Args:
        backbone: the encoder.
        classes: number of classes C.
        decoder_channels: channels of the five levels, from the deepest to full resolution.
        deep_supervision: train a classifier on every level, each with half the weight of the level
            at twice its resolution; the weights sum to 1.

    Source: Ronneberger, Fischer and Brox, U-Net, 2015.
    """
    from clothseg.model.auxiliary import decoder_levels

    return _build(
        "Unet",
        backbone,
        classes,
        decoder_levels if deep_supervision else None,
        decoder_channels=decoder_channels,
    )


def unetplusplus(
    backbone: Backbone, classes: int, *, decoder_channels: Levels, deep_supervision: bool = False
) -> "Network":
    """U-Net++, with convolutions on its skip connections.

    Args:
        backbone: the encoder.
        classes: number of classes C.
        decoder_channels: channels of the five levels, from the deepest to full resolution.
        deep_supervision: train a classifier on each of the four nested U-Nets, with a weight of 1/4
            each.

    Source: Zhou et al., UNet++, 2018.
    """
    from clothseg.model.auxiliary import nested_decoders

    return _build(
        "UnetPlusPlus",
        backbone,
        classes,
        nested_decoders if deep_supervision else None,
        decoder_channels=decoder_channels,
    )


def densenet_decoder(backbone: Backbone, classes: int) -> "Network":
    """DenseNet with the decoder of U-Net, or FC-DenseNet67 without a backbone.

    Args:
        backbone: `densenet121`, or `none` for FC-DenseNet67.
        classes: number of classes C.

    Source: castro2019, section 7.6, which does not specify the decoder; the decoder of U-Net is our
        interpretation. FC-DenseNet67: Jégou et al., The one hundred layers Tiramisu, 2017.
    """
    if backbone.name == "none":
        from clothseg.model.body.fc_densenet import FCDenseNet67
        from clothseg.model.network import Network

        return Network(FCDenseNet67(classes), FCDenseNet67.stride)
    return _build("Unet", backbone, classes)


def deeplabv3(
    backbone: Backbone,
    classes: int,
    *,
    output_stride: Literal[8, 16],
    channels: Channels,
    rates: Rates,
    dropout: Dropout,
    auxiliary_weight: AuxiliaryWeight,
) -> "Network":
    """DeepLabV3: atrous convolutions in the encoder and an atrous spatial pyramid on top.

    Args:
        backbone: the encoder.
        classes: number of classes C.
        output_stride: output stride of the encoder, pixels.
        channels: channels of each branch of the pyramid.
        rates: rates of its three atrous convolutions.
        dropout: probability of dropping a value after the pyramid.
        auxiliary_weight: weight of the loss of a classifier on the second-to-last stage, as in
            torchvision's `deeplabv3_resnet50`; None disables it.

    Source: Chen et al., Rethinking atrous convolution, 2017.
    """
    return _build(
        "DeepLabV3",
        backbone,
        classes,
        _stage_classifier(auxiliary_weight),
        encoder_output_stride=output_stride,
        decoder_channels=channels,
        decoder_atrous_rates=rates,
        decoder_aspp_dropout=dropout,
    )


def deeplabv3plus(
    backbone: Backbone,
    classes: int,
    *,
    output_stride: Literal[8, 16],
    channels: Channels,
    rates: Rates,
    dropout: Dropout,
) -> "Network":
    """DeepLabV3+, which refines the pyramid with early features; arguments as in `deeplabv3`.

    Source: Chen et al., Encoder-decoder with atrous separable convolution, 2018.
    """
    return _build(
        "DeepLabV3Plus",
        backbone,
        classes,
        encoder_output_stride=output_stride,
        decoder_channels=channels,
        decoder_atrous_rates=rates,
        decoder_aspp_dropout=dropout,
    )


def segformer(backbone: Backbone, classes: int, *, channels: Channels) -> "Network":
    """SegFormer's decoder, linear layers on all stages; designed for the backbones `mit_…`.

    Args:
        backbone: the encoder.
        classes: number of classes C.
        channels: channels of every stage before concatenation.

    Source: Xie et al., SegFormer, 2021.
    """
    return _build("Segformer", backbone, classes, decoder_segmentation_channels=channels)


def upernet(backbone: Backbone, classes: int, *, channels: Channels) -> "Network":
    """UPerNet: pyramid pooling on top of a feature pyramid.

    Args:
        backbone: the encoder.
        classes: number of classes C.
        channels: channels of every level of the pyramid.

    Source: Xiao et al., Unified perceptual parsing, 2018.
    """
    return _build("UPerNet", backbone, classes, decoder_channels=channels)


def _stage_classifier(weight: float | None) -> "Outputs | None":
    """Return the factory of a classifier on the second-to-last encoder stage; None without one."""
    if weight is None:
        return None
    from clothseg.model.auxiliary import stage_before_last

    return partial(stage_before_last, weight=weight)


def _build(
    architecture: str,
    backbone: Backbone,
    classes: int,
    outputs: "Outputs | None" = None,
    **arguments: Any,
) -> "Network":
    import segmentation_models_pytorch as smp

    from clothseg.model.atrous import restore_rates
    from clothseg.model.network import Network

    if backbone.name.startswith("tu-swin"):
        arguments["strict_img_size"] = False  # accept sizes other than 224 px; windows are padded
    body = getattr(smp, architecture)(
        backbone.name, encoder_weights=None, classes=classes, **arguments
    )
    restore_rates(body.encoder, backbone.name, arguments.get("encoder_output_stride", 32))
    if backbone.weights is None:
        use_default_batchnorm_momentum(body.encoder)
    load_weights(body.encoder, backbone)
    auxiliaries, main_weight = outputs(body, classes) if outputs else ([], 1.0)
    return Network(body, body.encoder.output_stride, auxiliaries, main_weight)
