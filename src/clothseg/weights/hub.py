"""ImageNet weights from the local cache of the model hub or by download."""

import socket
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit

from clothseg.error import ConfigError

TIMEOUT = 1.0
"""Seconds to wait for a server before it is considered unreachable."""

TIMM_PREFIX = "tu-"
"""Name prefix of timm's encoders in segmentation-models-pytorch."""


class HubFile(TypedDict):
    """File on the model hub; a revision of None is the latest."""

    repo_id: str
    filename: str
    revision: str | None


def require_hub_weights(name: str) -> None:
    """Fail within about a second if ImageNet weights are neither cached nor downloadable.

    Imports no network libraries, so that errors are reported before these slow imports.

    Raises:
        ConfigError: the weights are unavailable; names the repository and file, and how to supply
            it.
    """
    snapshots = _cached_repository(name) / "snapshots"
    if not any(snapshots.glob("*/model.safetensors")) and not _is_hub_reachable():
        raise ConfigError([_missing_weights_message(name)])


def hub_file(name: str) -> Path:
    """Return the path of an encoder's ImageNet weights, which are downloaded if not cached.

    Raises:
        ConfigError: they are not cached and the hub is unreachable, or they do not exist.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    file = _timm_file(name) if name.startswith(TIMM_PREFIX) else _smp_file(name)
    cached = try_to_load_from_cache(**file)
    if isinstance(cached, str):
        return Path(cached)
    if not _is_hub_reachable():  # the cache may hold another revision of the repository
        raise ConfigError([_missing_weights_message(name)])
    return Path(hf_hub_download(**file))


def repository(name: str) -> str:
    """Return the repository of an encoder's ImageNet weights.

    A few of timm's weights are in third-party repositories, which only :func:`hub_file` finds.

    Args:
        name: as in segmentation-models-pytorch; timm encoders with the tag of their weights.

    Raises:
        ConfigError: the name of a timm encoder has no tag, so its weights are ambiguous.
    """
    if not name.startswith(TIMM_PREFIX):
        return f"smp-hub/{name}.imagenet"
    if "." not in name:
        raise ConfigError(
            [
                f"backbone.name={name}: timm has several weights for this encoder; append the tag "
                f"of those that `imagenet` stands for: backbone.name={name}.<tag>. In Python, "
                f"`timm.list_pretrained('{name.removeprefix(TIMM_PREFIX)}')` lists them"
            ]
        )
    return f"timm/{name.removeprefix(TIMM_PREFIX)}"


def _missing_weights_message(name: str) -> str:
    folder = _cached_repository(name)
    return (
        f"backbone.weights=imagenet: the weights of {name} are not available locally and the model "
        "hub is unreachable. Download model.safetensors from the repository "
        f"{repository(name)} on a machine with internet access and pass it: "
        f"backbone.weights=<path>; or copy that machine's folder {folder.name} into {folder.parent}"
    )


def _cached_repository(name: str) -> Path:
    """Return the folder of a repository in the hub's cache, which may not exist."""
    from huggingface_hub import constants

    parts = ["models", *repository(name).split("/")]
    return Path(constants.HF_HUB_CACHE) / constants.REPO_ID_SEPARATOR.join(parts)


def is_reachable(url: str) -> bool:
    """Return whether a server accepts connections; False if name resolution hangs."""
    endpoint = urlsplit(url)
    address = (endpoint.hostname or "", endpoint.port or 443)
    pool = ThreadPoolExecutor(1)
    try:
        pool.submit(socket.create_connection, address, TIMEOUT).result(TIMEOUT).close()
    except (OSError, FutureTimeoutError):
        return False
    finally:
        pool.shutdown(wait=False)
    return True


def _is_hub_reachable() -> bool:
    from huggingface_hub import constants

    return not constants.HF_HUB_OFFLINE and is_reachable(constants.ENDPOINT)


def _smp_file(name: str) -> HubFile:
    from segmentation_models_pytorch.encoders import encoders

    settings = encoders[name]["pretrained_settings"]["imagenet"]
    return {
        "repo_id": settings["repo_id"],
        "filename": "model.safetensors",
        "revision": settings["revision"],
    }


def _timm_file(name: str) -> HubFile:
    import timm

    settings = timm.get_pretrained_cfg(name.removeprefix(TIMM_PREFIX))
    if settings is None or settings.hf_hub_id is None:
        raise ConfigError([f"backbone.name={name}: timm has no weights of this name on the hub"])
    repo_id, _, revision = settings.hf_hub_id.partition("@")
    return {
        "repo_id": repo_id,
        # timm's default is the older pytorch_model.bin; this file always exists next to it.
        "filename": settings.hf_hub_filename or "model.safetensors",
        "revision": revision or None,
    }
