"""The architectures of segmentation-models-pytorch, with explicit arguments.

That library swallows keywords that it does not know; these functions do not. It is imported when a
network is built, because it takes seconds.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from clothseg.backbone import Backbone, load_weights

if TYPE_CHECKING:
    from torch import nn

    from clothseg.model.network import Network

Channels = Annotated[int, Field(ge=1)]
Dropout = Annotated[float, Field(ge=0, lt=1)]


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
        merge: add the levels, or concatenate them as the text of inacio2019 has it.
        dropout: probability that a whole channel is dropped before the last layer.

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
        dropout: probability that a whole channel is dropped before the last layer.

    Source: Zhao et al., Pyramid scene parsing network, 2017; cut at stride 8 as in the Keras
        package that inacio2019 cites.
    """
    return _build("PSPNet", backbone, classes, psp_out_channels=channels, psp_dropout=dropout)


def unet(
    backbone: Backbone,
    classes: int,
    *,
    decoder_channels: Annotated[list[Channels], Field(min_length=5, max_length=5)],
) -> "Network":
    """U-Net whose contracting path is the encoder.

    Args:
        backbone: the encoder.
        classes: number of classes C.
        decoder_channels: channels of the five levels, from the deepest to the full size.

    Source: Ronneberger, Fischer and Brox, U-Net, 2015.
    """
    return _build("Unet", backbone, classes, decoder_channels=decoder_channels)


def _build(architecture: str, backbone: Backbone, classes: int, **arguments: Any) -> "Network":
    import segmentation_models_pytorch as smp

    from clothseg.model.network import Network

    if backbone.name.startswith("tu-swin"):
        arguments["strict_img_size"] = False  # it would take 224 px only; it pads its windows
    body = getattr(smp, architecture)(
        backbone.name, encoder_weights=None, classes=classes, **arguments
    )
    if backbone.weights is None:
        _follow_statistics(body.encoder)
    load_weights(body.encoder, backbone)
    return Network(body, body.encoder.output_stride)


def _follow_statistics(encoder: "nn.Module") -> None:
    """Give batch normalisation PyTorch's usual momentum.

    EfficientNet's own, a tenth of it, keeps evaluation at the initial statistics for thousands of
    steps when training starts from scratch.
    """
    from torch import nn

    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.1
