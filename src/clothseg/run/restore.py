"""Recorded runs with a best epoch, and their networks ready to be used."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothseg import build
from clothseg.error import ConfigError, DataError, first_line
from clothseg.run.record import Record
from clothseg.screen import say

if TYPE_CHECKING:
    from clothseg.loss.class_weights import ClassPixels
    from clothseg.task.semantic import SemanticSegmentation

UNFINISHED = {
    "running": "is still running, or was cut off",
    "failed": "has failed",
    "interrupted": "was interrupted",
}
"""What is said of the states of a run that is not done."""


def recorded_config(run: Path, trust: Sequence[str]) -> dict[str, Any]:
    """The configuration of a run with a best epoch, checked.

    Args:
        run: the run folder.
        trust: packages whose functions it may name.

    Raises:
        ConfigError: the folder holds no such run.
    """
    record = Record(run)
    config = record.config["config"] | {"trust": list(trust)}
    build.require_valid(config)
    if not record.best_checkpoint.is_file():
        raise ConfigError(
            [f"run={run}: there is no {record.best_checkpoint}; the run has not finished an epoch"]
        )
    # What is for training alone, or not worth its time for a few photos.
    config["trainer"] |= {"sync_batchnorm": False, "ema_decay": None, "compile": False}
    config["data"] |= {"sampling": "uniform"}
    return config


def warn_of_unfinished(runs: Sequence[Path]) -> None:
    """Say which runs are not done; what is used of them may be far from what they come to."""
    for run in runs:
        state = (Record(run).status or {}).get("state", "")
        if state != "done":
            what = UNFINISHED.get(state, "does not tell whether it is done")
            say(f"warning: {run} {what}; its best epoch so far is used")


def short_name(run: Path) -> str:
    """What tells a run from others: `<model>-<backbone>/<signature>[/fold-<k>]`."""
    parts = run.resolve().parts[1:]
    count = 3 if re.fullmatch(r"fold-\d+", parts[-1]) else 2
    return "/".join(parts[-count:])


def ensemble_members(run: Path, ensemble: str) -> list[Path]:
    """The runs whose networks work together.

    Args:
        run: a run folder; with `folds` that of any fold, or the folder of all of them.
        ensemble: `none`, or `folds` for all folds of its cross-validation.

    Raises:
        ConfigError: there are no folds, or not all of them.
    """
    if ensemble == "none":
        return [run]
    folder = run.parent if (run / "config.yaml").is_file() else run
    folds_there = [p for p in folder.glob("fold-*") if re.fullmatch(r"fold-\d+", p.name)]
    found = sorted(folds_there, key=lambda path: int(path.name[5:]))
    folds = Record(found[0]).config["config"]["split"].get("folds") if found else None
    if not found or not folds:
        raise ConfigError([f"ensemble=folds: {folder} holds no folds of a cross-validation"])
    present = {path.name for path in found if Record(path).best_checkpoint.is_file()}
    missing = [str(fold) for fold in range(folds) if f"fold-{fold}" not in present]
    if missing:
        raise ConfigError([f"ensemble=folds: fold {', '.join(missing)} of {folds} is missing"])
    return found


def load_task(
    config: Mapping[str, Any],
    runs: Sequence[Path],
    tta: str,
    scales: Sequence[float],
    pixels: "ClassPixels | None" = None,
) -> "SemanticSegmentation":
    """The module of one or several runs with the weights of their best epochs.

    Args:
        config: of the first of them.
        runs: run folders whose networks are averaged.
        tta: `none`, or `flip` for photo and mirror image.
        scales: sizes at which photos are seen, in units of their own.
        pixels: how often the classes occur in the training part; None where no loss is asked for.

    Raises:
        ConfigError: a scale does not fit the network.
        DataError: a checkpoint is damaged, or of another network.
    """
    from clothseg.model.tta import AveragedPredictions, require_scales

    plain = dict(config) if pixels else dict(config) | {"loss": CROSS_ENTROPY}
    tasks = [build.build_task(plain, pixels) for _ in runs]
    for task, run in zip(tasks, runs, strict=True):
        load_best(task, Record(run))
    task = tasks[0]
    require_scales(scales, config["data"]["image_size"], task.network.stride)
    if (tta, list(scales), len(runs)) != ("none", [1.0], 1):
        flip_table = build.build_labels(config).flip_table if tta == "flip" else None
        networks = [each.network for each in tasks]
        task.set_submodule("network", AveragedPredictions(networks, flip_table, scales))
    return task


def load_best(task: "SemanticSegmentation", record: Record) -> None:
    """Give a task the weights of a run's best epoch.

    Raises:
        DataError: the checkpoint is damaged, or of another network.
    """
    import torch

    path = record.best_checkpoint
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    except Exception as error:  # torch, zip and pickle raise a dozen types for damaged files
        first = first_line(error)
        raise DataError(f"{path}: the checkpoint is damaged ({first})") from error
    try:
        task.load_state_dict(state)
    except RuntimeError as error:
        differing = "; ".join(line.strip() for line in str(error).splitlines()[1:3])
        raise DataError(f"{path} is of another network than config.yaml: {differing}") from error


CROSS_ENTROPY = {"_target_": "clothseg.loss.cross_entropy"}
"""A loss that needs to know nothing, for networks that nobody trains."""
