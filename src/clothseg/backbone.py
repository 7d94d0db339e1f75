"""Encoders and their weights: from scratch, from ImageNet through the model hub, or from a file."""

import os
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from clothseg.error import ConfigError

if TYPE_CHECKING:
    from torch import Tensor, nn

PATIENCE = 1.0
"""Seconds that the model hub has to answer before a download counts as impossible."""


@dataclass(frozen=True)
class Backbone:
    """The encoder of an architecture.

    Args:
        name: its name in segmentation-models-pytorch.
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
        _require_hub_weights(name)
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
    path = _hub_file(backbone.name) if backbone.weights == "imagenet" else Path(backbone.weights)
    state = _read_state(path)
    problems = _differences(encoder.state_dict(), state)
    if problems:
        raise ConfigError(
            [f"backbone.weights={path} does not fit {backbone.name}: {'; '.join(problems)}"]
        )
    encoder.load_state_dict(state)


def _require_hub_weights(name: str) -> None:
    """Fail within about a second when ImageNet weights are neither stored nor reachable."""
    repository = f"smp-hub/{name}.imagenet"
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    hub = Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
    stored = hub / f"models--{repository.replace('/', '--')}" / "snapshots"
    if any(stored.glob("*/model.safetensors")) or _hub_answers():
        return
    raise ConfigError(
        [
            f"backbone.weights=imagenet: the weights of {name} are not here and the model "
            "hub does not answer. Download model.safetensors of the repository "
            f"{repository} on a machine with a network and pass it: backbone.weights=<path>; "
            f"or copy that machine's folder {stored.parent.name} into {hub}"
        ]
    )


def _hub_answers() -> bool:
    """Whether the model hub can be reached; a name server that hangs counts as no."""
    if os.environ.get("HF_HUB_OFFLINE", "0").lower() in ("1", "true", "yes", "on"):
        return False
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    address = (endpoint.hostname or "", endpoint.port or 443)
    pool = ThreadPoolExecutor(1)
    try:
        pool.submit(socket.create_connection, address, PATIENCE).result(PATIENCE).close()
    except (OSError, FutureTimeoutError):
        return False
    finally:
        pool.shutdown(wait=False)
    return True


def _hub_file(name: str) -> Path:
    """Path of an encoder's ImageNet weights, downloaded when they are not stored."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from segmentation_models_pytorch.encoders import encoders

    settings = encoders[name]["pretrained_settings"]["imagenet"]
    place = {"filename": "model.safetensors", "revision": settings["revision"]}
    stored = try_to_load_from_cache(settings["repo_id"], **place)
    return Path(
        stored if isinstance(stored, str) else hf_hub_download(settings["repo_id"], **place)
    )


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
    kinds = {
        "missing": [name for name in wanted if name not in given],
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
