"""What cannot go together in a network, known before anything heavy is imported."""

from collections.abc import Mapping, Sequence
from typing import Any

WITHOUT_BACKBONE = ("classic_unet", "segnet", "densenet_decoder")
"""Architectures with an encoder of their own."""

DENSENET = "densenet121"

ATROUS = ("deeplabv3", "deeplabv3plus", "dilated_pspnet")
"""Architectures whose encoder has atrous stages, unless they are told otherwise."""

KEEPS_STRIDE = ("fcn", "dilated_pspnet")
"""Architectures that may leave the encoder's stages as they are."""

NEVER_ATROUS = {
    "vgg": "VGG shrinks by pooling, which atrous convolutions cannot replace",
    "densenet": "DenseNet shrinks by pooling, which atrous convolutions cannot replace",
    "xception": "Xception shrinks by pooling, which atrous convolutions cannot replace",
    "swin": "timm builds no Swin Transformer with an output stride",
}
"""First letters of the names of backbones that cannot have atrous stages, with the reason."""

REFUSED = {
    ("linknet", "mit"): "segmentation-models-pytorch builds no LinkNet on a Mix Transformer",
    ("unetplusplus", "mit"): "segmentation-models-pytorch builds no U-Net++ on a Mix Transformer",
}
"""Other pairs of an architecture and the first letters of a backbone's name, with the reason."""

TWO_PHOTOS = ("deeplabv3", "deeplabv3plus", "dilated_pspnet", "upernet")
"""Architectures that normalise the mean of a whole photo, which takes two photos in training."""

SMALLEST_ALONE = 64
"""Pixels below which the deepest features are one value, so that one photo cannot be normalised."""


def least_photos(config: Mapping[str, Any]) -> int:
    """How many photos a network has to see at once in training."""
    model = config["model"]["_target_"].rpartition(".")[2]
    image_size = config["data"]["image_size"]
    return 2 if model in TWO_PHOTOS or image_size < SMALLEST_ALONE else 1


def pair_problem(
    model: str,
    backbone: str,
    models: Sequence[str],
    backbones: Sequence[str],
    output_stride: int | None = None,
) -> str | None:
    """Why an architecture cannot have a backbone, and what works instead; None when it can.

    Args:
        model: name of the architecture, an option of `conf/model`.
        backbone: name of the backbone, an option of `conf/backbone`.
        models: all architectures.
        backbones: all backbones.
        output_stride: that of the encoder, of architectures that can be told one.
    """
    reason = _reason(model, backbone, output_stride)
    if reason is None:
        return None
    other_backbones = [name for name in backbones if _reason(model, name, output_stride) is None]
    other_models = [name for name in models if name != model and _reason(name, backbone) is None]
    keeps = model in KEEPS_STRIDE and _reason(model, backbone, 32) is None
    return (
        f"model={model} cannot have backbone={backbone}: {reason}. "
        f"model={model} works with {', '.join(other_backbones)}; "
        f"backbone={backbone} works with {', '.join(other_models)}"
        f"{f', and with {model} where model.output_stride=32' if keeps else ''}"
    )


def _reason(model: str, backbone: str, output_stride: int | None = None) -> str | None:
    if backbone == "none" and model not in WITHOUT_BACKBONE:
        return f"{model} needs an encoder"
    if model in WITHOUT_BACKBONE and backbone != "none":
        if model != "densenet_decoder":
            return f"{model} has an encoder of its own"
        return None if backbone == DENSENET else "it is a decoder for DenseNet"
    atrous = model in ATROUS if output_stride is None else output_stride < 32
    for start, why in NEVER_ATROUS.items():
        if atrous and backbone.startswith(start):
            return why
    matches = (why for (a, b), why in REFUSED.items() if a == model and backbone.startswith(b))
    return next(matches, None)
