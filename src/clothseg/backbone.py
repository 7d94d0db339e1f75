"""Encoders and their weights: from scratch, from ImageNet or VOC, or from a file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clothseg.error import ConfigError
from clothseg.weights.hub import TIMM_PREFIX, hub_file, require_hub_weights
from clothseg.weights.torchvision import TorchvisionFile

if TYPE_CHECKING:
    from torch import Tensor, nn

VOC = TorchvisionFile(
    "https://download.pytorch.org/models/deeplabv3_resnet50_coco-cd0a2569.pth",
    "backbone.weights=voc",
    "the weights of torchvision's deeplabv3_resnet50, trained on COCO with the labels of VOC,",
)
TORCHVISION_PREFIX = "backbone."
"""Prefix of the encoder's layers in torchvision's segmentation networks."""


@dataclass(frozen=True)
class Backbone:
    """Encoder of an architecture.

    Args:
        name: name in segmentation-models-pytorch; timm encoders are `tu-<name>.<weights' tag>`;
            `none` for architectures with a built-in encoder.
        weights: None for random weights, `imagenet`, `voc`, or the path of a file.
    """

    name: str
    weights: str | None


def backbone(*, name: str, weights: str | None) -> Backbone:
    """Configure the encoder of an architecture; arguments as in :class:`Backbone`.

    Raises:
        ConfigError: the weights are neither available locally nor downloadable.
    """
    if name == "none":
        if weights is not None:
            raise ConfigError(
                [f"backbone.weights={weights}: there is no backbone to load them into"]
            )
    elif weights == "imagenet":
        require_hub_weights(name)
    elif weights == "voc":
        if name != "resnet50":
            raise ConfigError(
                [f"backbone.weights=voc: available for resnet50 only, not for {name}"]
            )
        VOC.require()
    elif weights is not None and not Path(weights).is_file():
        raise ConfigError(
            [
                f"backbone.weights={weights}: no such file; allowed are null, imagenet, voc "
                "(resnet50 only) or the path of a file"
            ]
        )
    return Backbone(name, weights)


def load_weights(encoder: "nn.Module", backbone: Backbone) -> None:
    """Load the configured weights into an encoder.

    Raises:
        ConfigError: the file does not fit; names the layers that differ.
    """
    if backbone.weights is None:
        return
    state = _read_state(path := _weights_path(backbone))
    if any(layer.startswith(TORCHVISION_PREFIX) for layer in state):
        state = _from_torchvision(state)
    elif backbone.name.startswith(TIMM_PREFIX):
        state = _from_timm(encoder, backbone.name, state)
    problems = _differences(encoder.state_dict(), state)
    if problems:
        raise ConfigError(
            [f"backbone.weights={path} does not fit {backbone.name}: {'; '.join(problems)}"]
        )
    encoder.load_state_dict(state, strict=False)  # only num_batches_tracked may be missing


def _weights_path(backbone: Backbone) -> Path:
    """Return the path of the weights, which are downloaded if not cached."""
    if backbone.weights == "imagenet":
        return hub_file(backbone.name)
    return VOC.fetch() if backbone.weights == "voc" else Path(str(backbone.weights))


def _from_torchvision(state: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """Select the encoder of one of torchvision's segmentation networks."""
    return {
        layer.removeprefix(TORCHVISION_PREFIX): tensor
        for layer, tensor in state.items()
        if layer.startswith(TORCHVISION_PREFIX)
    }


def _from_timm(
    encoder: "nn.Module", name: str, state: Mapping[str, "Tensor"]
) -> dict[str, "Tensor"]:
    """Rename the tensors of a timm network or of its encoder to the names of the encoder.

    Layers of the full network that the encoder lacks are dropped: the classifier, and stages after
    the last one that the architecture uses. Unknown layers keep their names.
    """
    import timm
    import torch

    with torch.device("meta"):  # only names are needed: nothing is allocated or initialized
        network = timm.create_model(name.removeprefix(TIMM_PREFIX))
    network_layers = {_timm_name(layer) for layer in network.state_dict()}
    encoder_layers = {_timm_name(layer): layer for layer in encoder.state_dict()}
    tensors = {_timm_name(layer): tensor for layer, tensor in state.items()}
    return {
        encoder_layers.get(layer, layer): tensor
        for layer, tensor in tensors.items()
        if layer in encoder_layers or layer not in network_layers
    }


def _timm_name(layer: str) -> str:
    """Return timm's name of a layer: `stages.0.norm` for the encoder's `model.stages_0.norm`."""
    return re.sub(r"^([a-z]+)_(\d+)\.", r"\1.\2.", layer.removeprefix("model."))


def _read_state(path: Path) -> dict[str, "Tensor"]:
    """Read the tensors of a safetensors file or of a PyTorch file that holds only tensors."""
    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both libraries raise many exception types for damaged files
        kind = type(error).__name__  # torch's message suggests the unsafe weights_only=False
        raise ConfigError([f"backbone.weights={path}: not a weights file ({kind})"]) from error
    if not isinstance(state, dict) or not all(map(torch.is_tensor, state.values())):
        expected = "expected a dictionary of tensors by name"
        raise ConfigError([f"backbone.weights={path}: not a weights file; {expected}"])
    return state


def _differences(expected: Mapping[str, "Tensor"], actual: Mapping[str, "Tensor"]) -> list[str]:
    """Describe the layers that prevent loading; lists the first five of each kind."""
    # Files older than PyTorch 0.4.1 lack the batch counters, which have no effect.
    required = [name for name in expected if not name.endswith(".num_batches_tracked")]
    kinds = {
        "missing": [name for name in required if name not in actual],
        "not in this encoder": [name for name in actual if name not in expected],
        "with another shape": [
            f"{name} {list(actual[name].shape)} instead of {list(expected[name].shape)}"
            for name in expected
            if name in actual and actual[name].shape != expected[name].shape
        ],
    }
    return [
        f"{len(names)} layers {kind}: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"
        for kind, names in kinds.items()
        if names
    ]
