"""Checkpoint files: replaced in one step, and verified when they are read.

A checkpoint is a ZIP file as `torch.save` writes it, which contains a checksum of every tensor.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clothseg.error import DataError, first_line, shortened
from clothseg.files import replacing
from clothseg.untrusted import MAX_CHECKPOINT_BYTES, require_archive, require_file

FOLDER = "checkpoints"
"""Folder of the checkpoints in a run folder."""

LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"
"""Full state of the last saved epoch, of the one saved before it, and weights of the best epoch."""


def write_checkpoint(path: Path, content: Mapping[str, Any], previous: Path | None = None) -> None:
    """Write a checkpoint next to its final place, flush it to disk, and rename it.

    Args:
        path: the file.
        content: what to save.
        previous: new name of the checkpoint that is replaced; None deletes it.

    Raises:
        WriteError: the disk is full, or the folder is not writable.
    """
    import torch

    with replacing(path, previous) as temporary, temporary.open("wb") as file:
        try:
            torch.save(dict(content), file)
        except RuntimeError as error:
            # After a full disk or Ctrl-C, PyTorch fails to end the file too, and says only that.
            raise error.__context__ or error from None


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint on the CPU, without executing code in it.

    Raises:
        DataError: it is missing, no regular file, truncated or altered, contains code, or its
            weights are not finite.
    """
    import torch

    require_file(path, MAX_CHECKPOINT_BYTES)
    try:
        require_intact(path)
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        weights = _require_tensors(content)
        diverged = [name for name, values in weights.items() if _is_diverged(name, values)]
    except Exception as error:  # torch, zip and pickle raise many types for damaged files
        raise DataError(f"{path}: the checkpoint is damaged ({first_line(error)})") from error
    if diverged:
        raise DataError(
            f"{path}: {len(diverged)} of {len(weights)} weights are not finite, such as "
            f"{shortened(diverged[0])}: the training diverged; delete {path.parent.parent} to "
            "start again"
        )
    return content


def _require_tensors(content: Any) -> Mapping[str, Any]:
    """Return the tensors of a checkpoint by name.

    Raises:
        ValueError: it has none, or something else in their place.
    """
    import torch

    weights = content.get("state_dict") if isinstance(content, Mapping) else None
    if not isinstance(weights, Mapping):
        raise ValueError("it has no state_dict with the tensors of a network by name")
    for name, values in weights.items():
        if not isinstance(name, str) or not isinstance(values, torch.Tensor):
            raise ValueError(
                f"entry {shortened(name)} of its state_dict must be a tensor, and its name a text"
            )
    if not isinstance(content.get("epoch"), int):
        raise ValueError("it does not say of which epoch it is")
    return weights


def _is_diverged(name: str, values: Any) -> bool:
    """Return whether a tensor holds NaN, or is a weight that is infinite.

    Infinity may be meant in a buffer of a network of one's own, such as an attention mask.
    """
    if not values.is_floating_point():
        return False
    is_weight = name.rpartition(".")[2] in ("weight", "bias", "running_mean", "running_var")
    return bool(values.isnan().any() or (is_weight and values.isinf().any()))


def latest_checkpoint(folder: Path) -> tuple[Path | None, list[str]]:
    """Find the checkpoint to resume from.

    Args:
        folder: folder of the checkpoints.

    Returns:
        The last one that is intact, or None, and a sentence about each one that is not.
    """
    problems = []
    for path in (folder / LAST, folder / PREVIOUS):
        if path.is_file():
            try:
                read_checkpoint(path)
            except DataError as error:
                problems.append(str(error))
            else:
                return path, problems
    return None, problems


def require_intact(path: Path) -> None:
    """Compare the content of a ZIP file with its checksums, which `torch.load` does not.

    Raises:
        DataError: it would be too large once it is decompressed.
        zipfile.BadZipFile: they differ, or the end of the file is missing.
    """
    require_archive(path, MAX_CHECKPOINT_BYTES)
    with zipfile.ZipFile(path) as archive:
        altered = archive.testzip()
    if altered is not None:
        raise zipfile.BadZipFile(f"{altered} differs from its checksum")
