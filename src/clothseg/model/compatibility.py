"""Incompatible architectures and backbones, checked before heavy libraries are imported."""

from collections.abc import Mapping, Sequence
from typing import Any

from clothseg.geometry import sides
from clothseg.model.sizes import ANY, Sizes

WITHOUT_BACKBONE = ("classic_unet", "classic_segnet", "segnet", "pyramid_unet", "densenet_decoder")
"""Architectures with a built-in encoder."""

DENSENET = "densenet121"

ATROUS = ("deeplabv3", "deeplabv3plus", "dilated_pspnet")
"""Architectures whose encoder has atrous stages by default."""

OPTIONALLY_ATROUS = ("fcn", "dilated_pspnet")
"""Architectures that also accept an unmodified encoder (output stride 32)."""

NEVER_ATROUS = {
    "vgg": "VGG downsamples by pooling, which atrous convolutions cannot replace",
    "densenet": "DenseNet downsamples by pooling, which atrous convolutions cannot replace",
    "xception": "Xception downsamples by pooling, which atrous convolutions cannot replace",
    "swin": "timm does not support an output stride for Swin Transformers",
}
"""Name prefixes of backbones that cannot have atrous stages, with the reason."""

UNSUPPORTED = {
    ("linknet", "mit"): "segmentation-models-pytorch has no LinkNet on a Mix Transformer",
    ("unetplusplus", "mit"): "segmentation-models-pytorch has no U-Net++ on a Mix Transformer",
}
"""Other incompatible pairs of an architecture and a backbone name prefix, with the reason."""

GLOBALLY_POOLED = ("deeplabv3", "deeplabv3plus", "dilated_pspnet", "upernet")
"""Architectures with batch normalization after global pooling, which needs two training images."""

MIN_SIZE_FOR_ONE_IMAGE = 64
"""Longest side below which the deepest features are 1x1, too few to normalize one image, pixels."""


PYRAMID_SIZES = {"strict": Sizes(exact=224), "flexible": Sizes(least=224, multiple=32)}
"""Sizes of images that `pyramid_unet` takes, by its geometry."""


def accepted_sizes(model: Mapping[str, Any]) -> Sizes:
    """Return the sizes of images that an architecture takes.

    Args:
        model: its node of the configuration, which may violate the schema.
    """
    if model.get("_target_") == "clothseg.model.pyramid_unet":
        return PYRAMID_SIZES.get(str(model.get("geometry")), ANY)
    return ANY


def min_batch_size(config: Mapping[str, Any]) -> int:
    """Return the smallest number of images per training forward pass."""
    package, _, model = config["model"]["_target_"].rpartition(".")
    # the deepest features of pyramid_unet are 1x1 at 224 px
    normalizes_pixels = model == "pyramid_unet" and config["model"].get("norm") == "batch"
    is_pooled = package == "clothseg.model" and (model in GLOBALLY_POOLED or normalizes_pixels)
    longest = max(sides(config["data"]["image_size"]))
    return 2 if is_pooled or longest < MIN_SIZE_FOR_ONE_IMAGE else 1


def pair_problem(
    model: str,
    backbone: str,
    models: Sequence[str],
    backbones: Sequence[str],
    output_stride: int | None = None,
) -> str | None:
    """Explain why an architecture cannot use a backbone and list alternatives; None if it can.

    Args:
        model: name of the architecture, an option of `conf/model`.
        backbone: name of the backbone, an option of `conf/backbone`.
        models: all architectures.
        backbones: all backbones.
        output_stride: of the encoder, for architectures that have this option.
    """
    reason = _incompatibility(model, backbone, output_stride)
    if reason is None:
        return None
    other_backbones = [
        name for name in backbones if _incompatibility(model, name, output_stride) is None
    ]
    other_models = [
        name for name in models if name != model and _incompatibility(name, backbone) is None
    ]
    works_at_32 = model in OPTIONALLY_ATROUS and _incompatibility(model, backbone, 32) is None
    return (
        f"model={model} cannot have backbone={backbone}: {reason}. "
        f"model={model} works with {', '.join(other_backbones)}; "
        f"backbone={backbone} works with {', '.join(other_models)}"
        f"{f', and with {model} if model.output_stride=32' if works_at_32 else ''}"
    )


def _incompatibility(model: str, backbone: str, output_stride: int | None = None) -> str | None:
    if backbone == "none" and model not in WITHOUT_BACKBONE:
        return f"{model} needs an encoder"
    if model in WITHOUT_BACKBONE and backbone != "none":
        if model != "densenet_decoder":
            return f"{model} has a built-in encoder"
        return None if backbone == DENSENET else "it is a decoder for DenseNet"
    atrous = model in ATROUS if output_stride is None else output_stride < 32
    for prefix, reason in NEVER_ATROUS.items():
        if atrous and backbone.startswith(prefix):
            return reason
    for (architecture, prefix), reason in UNSUPPORTED.items():
        if architecture == model and backbone.startswith(prefix):
            return reason
    return None
