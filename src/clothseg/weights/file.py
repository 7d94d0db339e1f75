"""Files of weights: which file is meant, what it is if it holds none, and its tensors."""

import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothseg.checkpoint import BEST, FOLDER, require_intact
from clothseg.error import ConfigError, first_line

if TYPE_CHECKING:
    from torch import Tensor

WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "encoder",
    "backbone",
)
"""Keys under which training programs store the tensors of a network, by precedence."""

CHECKPOINT = Path(FOLDER) / BEST
"""File of a run folder with the weights of its best epoch."""

FOREIGN = {
    b"version https://git-lfs": "a Git LFS pointer, not the file itself; run git lfs pull",
    b"<!doctype html": "an HTML page; the download was redirected, for example to a login page",
    b"<html": "an HTML page; the download was redirected, for example to a login page",
    b"\x89hdf": "an HDF5 file, as written by Keras; weights of PyTorch are needed",
}
"""Beginnings of files that are often mistaken for weights (lower case), and what they are."""


def weights_path(text: str, option: str) -> Path:
    """Return the file that a path means, for a run folder that of its best epoch; needs no torch.

    Args:
        text: path of a file or of a run folder.
        option: setting that is being read, such as `backbone.weights`, for messages.

    Raises:
        ConfigError: there is no such file, or its first bytes show that it holds no weights.
    """
    path = Path(text).expanduser()
    if path.is_dir():
        path = _checkpoint(path, option)
    if not path.is_file():
        raise ConfigError([f"{option}={text}: no such file"])
    if reason := _foreign(path):
        raise ConfigError([f"{option}={text}: {reason}"])
    return path


def read_tensors(path: Path, option: str) -> "dict[str, Tensor]":
    """Read the tensors of a safetensors file or of a PyTorch file; never executes code of the file.

    Dictionaries around the tensors, such as those of a checkpoint, are unwrapped.

    Args:
        path: the file, in either format, whatever its suffix.
        option: setting that is being read, for messages.

    Raises:
        ConfigError: the file is damaged, has objects other than tensors, or no tensors.
    """
    import torch
    from safetensors.torch import load_file

    try:
        if _is_safetensors(path):
            return load_file(path)
        if zipfile.is_zipfile(path):
            require_intact(path)
        with path.open("rb") as file:  # given a path, torch would believe its suffix
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # both libraries raise many exception types for damaged files
        raise ConfigError([f"{option}={path}: {_unreadable(path, error)}"]) from error
    tensors = _unwrapped(content)
    if tensors is None:
        expected = f"a dictionary of tensors by name, or one under {', '.join(WRAPPERS)}"
        raise ConfigError([f"{option}={path}: not a weights file; expected {expected}"])
    return tensors


def _checkpoint(folder: Path, option: str) -> Path:
    if not (folder / "config.yaml").is_file():
        raise ConfigError(
            [
                f"{option}={folder}: a folder, but not that of a run, which has a config.yaml; "
                "allowed are a file or a run folder"
            ]
        )
    if not (folder / CHECKPOINT).is_file():
        raise ConfigError(
            [f"{option}={folder}: no {CHECKPOINT}; the run has not finished an epoch yet"]
        )
    return folder / CHECKPOINT


def _foreign(path: Path) -> str | None:
    """Describe a file that is no weights file by its first bytes; None for one that may be."""
    with path.open("rb") as file:
        first = file.read(1024)
    if not first:
        return "the file is empty"
    beginning = first.lstrip().lower()
    return next((text for key, text in FOREIGN.items() if beginning.startswith(key)), None)


def _is_safetensors(path: Path) -> bool:
    """Return whether a file begins with safetensors' header: its length, then JSON."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if file.read(1) != b"{" or length > path.stat().st_size:
            return False
        file.seek(8)
        try:
            json.loads(file.read(length))
        except ValueError:
            return False
    return True


def _unreadable(path: Path, error: Exception) -> str:
    """Describe a file that could not be read; torch's own message suggests to run its code."""
    if found := re.search(r"GLOBAL ([\w.]+)", str(error)):
        return (
            f"contains objects of {found[1]}, which are not loaded, because they can execute code; "
            "in the program that wrote it, save the tensors only: "
            "torch.save(network.state_dict(), path)"
        )
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                return "a TorchScript program, not a weights file; save its state_dict() instead"
    return f"not a weights file, or a damaged one ({type(error).__name__}: {_reason(error)})"


def _reason(error: Exception) -> str:
    return re.split(r"\. |weights_only|\n", first_line(error))[0][:120]


def _unwrapped(content: Any) -> "dict[str, Tensor] | None":
    """Find the dictionary of tensors in what a program stored; None if there is none."""
    import torch

    if not isinstance(content, Mapping):
        return None
    if content and all(isinstance(name, str) for name in content):
        if all(map(torch.is_tensor, content.values())):
            return dict(content)
        for wrapper in WRAPPERS:
            if tensors := _unwrapped(content.get(wrapper)):
                return tensors
    return None
