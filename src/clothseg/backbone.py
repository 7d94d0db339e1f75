"""Encoders and their weights: from scratch, from ImageNet or VOC, or from a file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clothseg.error import ConfigError
from clothseg.weights.hub import TIMM, hub_file, require_hub_weights
from clothseg.weights.torchvision import TorchvisionFile

if TYPE_CHECKING:
    from torch import Tensor, nn

VOC = TorchvisionFile(
    "https://download.pytorch.org/models/deeplabv3_resnet50_coco-cd0a2569.pth",
    "backbone.weights=voc",
    "the weights of torchvision's deeplabv3_resnet50, trained on COCO with the labels of VOC,",
)
TORCHVISION = "backbone."
"""What layers of the encoder begin with in torchvision's segmentation networks."""


@dataclass(frozen=True)
class Backbone:
    """The encoder of an architecture.

    Args:
        name: its name in segmentation-models-pytorch; one of timm is `tu-<name>.<weights' tag>`;
            `none` for architectures with an encoder of their own.
        weights: None for random weights, `imagenet`, `voc`, or the path of a file.
    """

    name: str
    weights: str | None


def backbone(*, name: str, weights: str | None) -> Backbone:
    """The encoder of an architecture; arguments as in :class:`Backbone`.

    Raises:
        ConfigError: the weights are neither on this machine nor can they be downloaded.
    """
    if name == "none":
        if weights is not None:
            raise ConfigError([f"backbone.weights={weights}: there is no backbone to load them"])
    elif weights == "imagenet":
        require_hub_weights(name)
    elif weights == "voc":
        if name != "resnet50":
            raise ConfigError([f"backbone.weights=voc: there are those of resnet50, not of {name}"])
        VOC.require()
    elif weights is not None and not Path(weights).is_file():
        raise ConfigError(
            [
                f"backbone.weights={weights}: no such file; allowed are null, imagenet, voc (of "
                "resnet50) or the path of a file"
            ]
        )
    return Backbone(name, weights)


def load_weights(encoder: "nn.Module", backbone: Backbone) -> None:
    """Fill an encoder with the weights that its backbone asks for.

    Raises:
        ConfigError: the file does not fit; names the layers that differ.
    """
    if backbone.weights is None:
        return
    state = _read_state(path := _file(backbone))
    if any(layer.startswith(TORCHVISION) for layer in state):
        state = _of_torchvision(state)
    elif backbone.name.startswith(TIMM):
        state = _encoder_names(encoder, backbone.name, state)
    problems = _differences(encoder.state_dict(), state)
    if problems:
        raise ConfigError(
            [f"backbone.weights={path} does not fit {backbone.name}: {'; '.join(problems)}"]
        )
    encoder.load_state_dict(state, strict=False)  # only counters may be missing


def _file(backbone: Backbone) -> Path:
    """Where the weights are, after a download where they were not stored."""
    if backbone.weights == "imagenet":
        return hub_file(backbone.name)
    return VOC.stored() if backbone.weights == "voc" else Path(str(backbone.weights))


def _of_torchvision(state: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """The encoder's part of one of torchvision's segmentation networks."""
    return {
        layer.removeprefix(TORCHVISION): tensor
        for layer, tensor in state.items()
        if layer.startswith(TORCHVISION)
    }


def _encoder_names(
    encoder: "nn.Module", name: str, state: Mapping[str, "Tensor"]
) -> dict[str, "Tensor"]:
    """Tensors of a timm network or of its encoder, under the encoder's names.

    Left out is what belongs to the complete network and not to the encoder: the classifier, and
    stages behind the last one that the architecture uses. A stranger keeps its name.
    """
    import timm
    import torch

    with torch.device("meta"):  # names only: nothing is allocated or initialised
        network = timm.create_model(name.removeprefix(TIMM))
    whole = {_timm_name(layer) for layer in network.state_dict()}
    ours = {_timm_name(own): own for own in encoder.state_dict()}
    known = {_timm_name(layer): tensor for layer, tensor in state.items()}
    return {
        ours.get(layer, layer): tensor
        for layer, tensor in known.items()
        if layer in ours or layer not in whole
    }


def _timm_name(layer: str) -> str:
    """What timm calls a layer: `stages.0.norm` for the encoder's `model.stages_0.norm`."""
    return re.sub(r"^([a-z]+)_(\d+)\.", r"\1.\2.", layer.removeprefix("model."))


def _read_state(path: Path) -> dict[str, "Tensor"]:
    """Tensors of a safetensors file or of a PyTorch file that holds nothing but tensors."""
    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both libraries raise many types for damaged files
        kind = type(error).__name__  # torch's own text advises to run what is in the file
        raise ConfigError([f"backbone.weights={path}: not a file of weights ({kind})"]) from error
    if not isinstance(state, dict) or not all(map(torch.is_tensor, state.values())):
        what = "it has to hold tensors by their names"
        raise ConfigError([f"backbone.weights={path}: not a file of weights; {what}"])
    return state


def _differences(wanted: Mapping[str, "Tensor"], given: Mapping[str, "Tensor"]) -> list[str]:
    """What keeps `given` from being loaded as `wanted`, by layer; the first five of each kind."""
    # Files older than PyTorch 0.4.1 lack the counters of batch normalisation, which change nothing.
    needed = [name for name in wanted if not name.endswith(".num_batches_tracked")]
    kinds = {
        "missing": [name for name in needed if name not in given],
        "not in this encoder": [name for name in given if name not in wanted],
        "of another shape": [
            f"{name} {list(given[name].shape)} instead of {list(wanted[name].shape)}"
            for name in wanted
            if name in given and given[name].shape != wanted[name].shape
        ],
    }
    return [
        f"{len(names)} layers {kind}: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"
        for kind, names in kinds.items()
        if names
    ]
