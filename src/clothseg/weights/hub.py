"""Where ImageNet weights are on the model hub, in its local cache, or why neither can be had."""

import socket
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit

from clothseg.error import ConfigError

PATIENCE = 1.0
"""Seconds that a server has to answer before a download counts as impossible."""

TIMM = "tu-"
"""What the names of timm's encoders begin with in segmentation-models-pytorch."""


class Place(TypedDict):
    """One file of the model hub; a revision of None is the newest."""

    repo_id: str
    filename: str
    revision: str | None


def require_hub_weights(name: str) -> None:
    """Fail within about a second when ImageNet weights are neither stored nor reachable.

    Imports no library of networks, so that a mistake is told before the seconds that they take.

    Raises:
        ConfigError: names the repository, the file, and how to supply it.
    """
    stored = _cached_repository(name) / "snapshots"
    if not any(stored.glob("*/model.safetensors")) and not _hub_answers():
        raise ConfigError([_how_to_supply(name)])


def hub_file(name: str) -> Path:
    """Path of an encoder's ImageNet weights, downloaded when they are not stored.

    Raises:
        ConfigError: they are not stored and the hub does not answer, or there are none.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    place = _timm_place(name) if name.startswith(TIMM) else _smp_place(name)
    stored = try_to_load_from_cache(**place)
    if isinstance(stored, str):
        return Path(stored)
    if not _hub_answers():  # the cache holds another revision of the repository
        raise ConfigError([_how_to_supply(name)])
    return Path(hf_hub_download(**place))


def repository(name: str) -> str:
    """Repository of an encoder's ImageNet weights.

    A few of timm's weights lie in repositories of others, which only :func:`hub_file` finds.

    Args:
        name: as in segmentation-models-pytorch; a timm encoder with the tag of its weights.

    Raises:
        ConfigError: a timm encoder without a tag, of which the hub has several.
    """
    if not name.startswith(TIMM):
        return f"smp-hub/{name}.imagenet"
    if "." not in name:
        raise ConfigError(
            [
                f"backbone.name={name}: say which of timm's weights `imagenet` is, by their tag: "
                f"backbone.name={name}.<tag>. `timm.list_pretrained('{name.removeprefix(TIMM)}')` "
                "in Python lists them"
            ]
        )
    return f"timm/{name.removeprefix(TIMM)}"


def _how_to_supply(name: str) -> str:
    folder = _cached_repository(name)
    return (
        f"backbone.weights=imagenet: the weights of {name} are not here and the model "
        "hub does not answer. Download model.safetensors of the repository "
        f"{repository(name)} on a machine with a network and pass it: backbone.weights=<path>; "
        f"or copy that machine's folder {folder.name} into {folder.parent}"
    )


def _cached_repository(name: str) -> Path:
    """Folder of a repository in the hub's cache, which need not exist."""
    from huggingface_hub import constants

    parts = ["models", *repository(name).split("/")]
    return Path(constants.HF_HUB_CACHE) / constants.REPO_ID_SEPARATOR.join(parts)


def answers(url: str) -> bool:
    """Whether a server can be reached; a name server that hangs counts as no."""
    endpoint = urlsplit(url)
    address = (endpoint.hostname or "", endpoint.port or 443)
    pool = ThreadPoolExecutor(1)
    try:
        pool.submit(socket.create_connection, address, PATIENCE).result(PATIENCE).close()
    except (OSError, FutureTimeoutError):
        return False
    finally:
        pool.shutdown(wait=False)
    return True


def _hub_answers() -> bool:
    """Whether the model hub can be reached."""
    from huggingface_hub import constants

    return not constants.HF_HUB_OFFLINE and answers(constants.ENDPOINT)


def _smp_place(name: str) -> Place:
    from segmentation_models_pytorch.encoders import encoders

    settings = encoders[name]["pretrained_settings"]["imagenet"]
    return {
        "repo_id": settings["repo_id"],
        "filename": "model.safetensors",
        "revision": settings["revision"],
    }


def _timm_place(name: str) -> Place:
    import timm

    settings = timm.get_pretrained_cfg(name.removeprefix(TIMM))
    if settings is None or settings.hf_hub_id is None:
        raise ConfigError([f"backbone.name={name}: timm has no weights of that name on the hub"])
    repo_id, _, revision = settings.hf_hub_id.partition("@")
    return {
        "repo_id": repo_id,
        # timm's own file is the older pytorch_model.bin, beside which this one always lies.
        "filename": settings.hf_hub_filename or "model.safetensors",
        "revision": revision or None,
    }
