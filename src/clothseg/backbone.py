"""Encoders and their weights: from scratch, from ImageNet or VOC, or from a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from clothseg.error import ConfigError, first_line, shortened
from clothseg.shipped import CONF, options
from clothseg.weights.file import read_tensors, weights_path
from clothseg.weights.hub import TIMM_PREFIX, hub_file, require_hub_weights
from clothseg.weights.matching import canonical, differences, match, non_finite
from clothseg.weights.packages import PACKAGES, packaged_file
from clothseg.weights.torchvision import TorchvisionFile

if TYPE_CHECKING:
    from torch import Tensor, nn

VOC = TorchvisionFile(
    "https://download.pytorch.org/models/deeplabv3_resnet50_coco-cd0a2569.pth",
    "backbone.weights=voc",
    "the weights of torchvision's deeplabv3_resnet50, trained on COCO with the labels of VOC,",
)

OPTION = "backbone.weights"


@dataclass(frozen=True)
class Backbone:
    """Encoder of an architecture.

    Args:
        name: name in segmentation-models-pytorch; timm encoders are `tu-<name>.<weights' tag>`;
            `none` for architectures with a built-in encoder.
        weights: None for random weights, `imagenet`, `voc`, or the path of a file or run folder.
    """

    name: str
    weights: str | None


def backbone(
    *,
    name: str,
    weights: str | None,
    normalization: Literal["imagenet", "inception"] = "imagenet",
) -> Backbone:
    """Configure the encoder of an architecture.

    Args:
        name: as in :class:`Backbone`.
        weights: as in :class:`Backbone`.
        normalization: of the images that its ImageNet weights were trained on; the default of
            `data.normalization`, which is what applies.

    Raises:
        ConfigError: the weights are neither available locally nor downloadable, or a file holds no
            weights.
    """
    if name == "none":
        if weights is not None:
            raise ConfigError([f"{OPTION}={weights}: there is no backbone to load them into"])
    elif weights == "imagenet":
        if name in PACKAGES:
            packaged_file(name)
        else:
            require_hub_weights(name)
    elif weights == "voc":
        if name != "resnet50":
            raise ConfigError([f"{OPTION}=voc: available for resnet50 only, not for {name}"])
        VOC.require()
    elif weights is not None:
        _require_file(weights)
    return Backbone(name, weights)


def require_fit(backbone: Backbone) -> None:
    """Fail if the configured weights do not fit the encoder; downloads them if necessary.

    Imports torch, and builds the encoder without memory for its weights.

    Raises:
        ConfigError: there is no such encoder; or as :func:`load_weights`.
    """
    if backbone.name not in _shipped_names():
        _require_encoder(backbone.name)
    if backbone.weights is not None:
        _matched(_skeleton(backbone.name), backbone)


def load_weights(encoder: "nn.Module", backbone: Backbone) -> None:
    """Load the configured weights into an encoder.

    Raises:
        ConfigError: the file does not fit; names the layers that differ, and the backbone that they
            belong to.
    """
    if backbone.weights is None:
        return
    from torch import nn

    tensors = _matched(encoder.state_dict(), backbone)
    # Some encoders override this method with one that takes no further arguments.
    nn.Module.load_state_dict(encoder, tensors, strict=False)  # batch counters may be missing


@cache
def _shipped_names() -> frozenset[str]:
    """Names of the encoders in `conf/backbone`."""
    files = (CONF / "backbone" / f"{option}.yaml" for option in options("backbone"))
    return frozenset(yaml.safe_load(file.read_text())["name"] for file in files)


def _require_encoder(name: str) -> None:
    try:
        _skeleton(name)
    except Exception as error:  # of two libraries, which look for it by many ways
        reason = shortened(first_line(error), 150)
        raise ConfigError(
            [
                f"backbone.name={shortened(name)}: neither an encoder of "
                f"segmentation-models-pytorch nor tu-<name> of timm ({reason}); "
                "conf/backbone lists those that are tested"
            ]
        ) from error


def _require_file(weights: str) -> None:
    if not Path(weights).expanduser().exists():
        raise ConfigError(
            [
                f"{OPTION}={weights}: no such file; allowed are null, imagenet, voc "
                "(resnet50 only) or the path of a file or run folder"
            ]
        )
    weights_path(weights, OPTION)


def _matched(encoder: Mapping[str, "Tensor"], backbone: Backbone) -> "dict[str, Tensor]":
    """Read the configured weights and rename them to those of an encoder's state."""
    path = _weights_path(backbone)
    state = read_tensors(path, OPTION)
    try:
        tensors = match(encoder, backbone.name, state, _complete_network(backbone.name))
    except ConfigError as error:
        raise ConfigError([f"{OPTION}={path}: {problem}" for problem in error.problems]) from error
    if problems := differences(encoder, tensors):
        other = _resembled(state, backbone.name)
        reason = f"it has the layers of {other}" if other else "; ".join(problems)
        raise ConfigError([f"{OPTION}={path} does not fit {backbone.name}: {reason}"])
    if layers := non_finite(tensors):
        raise ConfigError(
            [
                f"{OPTION}={path}: NaN or infinite values in {len(layers)} layers, such as "
                f"{layers[0]}; the training that wrote it has diverged"
            ]
        )
    return tensors


def _weights_path(backbone: Backbone) -> Path:
    """Return the path of the weights, which are downloaded if not cached."""
    if backbone.weights == "imagenet":
        return packaged_file(name) if (name := backbone.name) in PACKAGES else hub_file(name)
    return VOC.fetch() if backbone.weights == "voc" else weights_path(str(backbone.weights), OPTION)


@cache
def _complete_network(name: str) -> frozenset[str]:
    """Return the canonical names of the layers of the timm network that an encoder is a part of.

    A file may hold those that the encoder lacks: the classifier, and stages after the last one that
    the architecture uses. Empty for encoders that are not timm's.
    """
    if not name.startswith(TIMM_PREFIX):
        return frozenset()
    import timm
    import torch

    with torch.device("meta"):  # only names are needed: nothing is allocated or initialized
        network = timm.create_model(name.removeprefix(TIMM_PREFIX))
    return frozenset(map(canonical, network.state_dict()))


@cache
def _skeleton(name: str) -> "dict[str, Tensor]":
    """Return the state of an encoder without memory for the values."""
    import torch
    from segmentation_models_pytorch.encoders import get_encoder

    # The Mix Transformer computes with numbers of its own while it is built.
    with torch.device("cpu" if name.startswith("mit_") else "meta"):
        state: dict[str, Tensor] = get_encoder(name, weights=None).state_dict()
    return {layer: tensor.to("meta") for layer, tensor in state.items()}


def _resembled(state: Mapping[str, "Tensor"], name: str) -> str | None:
    """Return the option of the group `backbone` that a file fits; None if there is none."""
    for option in options("backbone"):
        node: dict[str, Any] = yaml.safe_load((CONF / "backbone" / f"{option}.yaml").read_text())
        other = node["name"]
        if other in ("none", name):
            continue
        encoder = _skeleton(other)
        try:
            tensors = match(encoder, other, state, _complete_network(other))
        except ConfigError:
            continue
        if not differences(encoder, tensors):
            return option
    return None
