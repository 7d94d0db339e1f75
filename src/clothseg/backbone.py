"""Encoders and their weights: from scratch, from ImageNet through the model hub, or from a file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clothseg.error import ConfigError
from clothseg.hub import TIMM, hub_file, require_hub_weights

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Backbone:
    """The encoder of an architecture.

    Args:
        name: its name in segmentation-models-pytorch; one of timm is `tu-<name>.<weights' tag>`.
        weights: None for random weights, `imagenet`, or the path of a file.
    """

    name: str
    weights: str | None


def backbone(*, name: str, weights: str | None) -> Backbone:
    """The encoder of an architecture; arguments as in :class:`Backbone`.

    Raises:
        ConfigError: the weights are neither on this machine nor can they be downloaded.
    """
    if weights == "imagenet":
        require_hub_weights(name)
    elif weights is not None and not Path(weights).is_file():
        raise ConfigError(
            [
                f"backbone.weights={weights}: no such file; allowed are null, imagenet "
                "or the path of a file"
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
    path = hub_file(backbone.name) if backbone.weights == "imagenet" else Path(backbone.weights)
    state = _read_state(path)
    if backbone.name.startswith(TIMM):
        state = _encoder_names(encoder, backbone.name, state)
    problems = _differences(encoder.state_dict(), state)
    if problems:
        raise ConfigError(
            [f"backbone.weights={path} does not fit {backbone.name}: {'; '.join(problems)}"]
        )
    encoder.load_state_dict(state, strict=False)  # only counters may be missing


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
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both libraries raise many types for damaged files
        raise ConfigError([f"backbone.weights={path}: not a file of weights ({error})"]) from error


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
