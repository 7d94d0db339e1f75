"""Signature of a run: a hash of everything that can affect its result."""

import copy
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from clothseg.config.renamed import current_names, first_names
from clothseg.config.schema import NO_METRIC, NO_POSTPROCESS, SEMANTIC
from clothseg.labels import source_names
from clothseg.metric.names import VALIDATION_LOSS
from clothseg.run.first_colors import first_colors

Plain = dict[str, Any]

IRRELEVANT_KEYS = (
    "decisions",
    "output",
    "rerun",
    "rerun_from",
    "trust",
    "logger",
    "report",
    "callbacks.checkpoints.interval",
    "callbacks.checkpoints.keep_last",
    "data.workers",
    "data.cache",
    "dataset.root",
    "dataset.detector",
    "dataset.on_error",
    "split.fold",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.threads",
)
"""Keys that do not affect the result by themselves. Each fold has its own folder, the number of
processes is hashed as the world size, and the detector weights and skipped samples are part of the
dataset's fingerprint."""

TRAINER = "clothseg.trainer.trainer"
"""Function that has all keys of trainers; a user's own may lack some."""

NEUTRAL_DEFAULTS: dict[str, Any] = {
    "init_from": None,
    "backbone.normalization": "imagenet",
    "dataset.crop": "none",
    "data.fit": "squeeze",
    "data.mask_pixel": "corner",
    "data.max_train_images": None,
    "data.sampling": "uniform",
    "labels.background_id": 0,
    "metric.validation": [],
    "metric": NO_METRIC,  # after its keys
    "model.batchnorm_momentum": 0.01,
    "model.deep_supervision": False,
    "optimizer.backbone_rate": 1.0,
    "postprocess": NO_POSTPROCESS,
    "scheduler.monitor": VALIDATION_LOSS,
    "split.group_near_duplicates": True,
    "task": SEMANTIC,
    "split.held_out": 0.0,
    "trainer.accumulation_steps": 1,
    "trainer.gradient_clip_norm": None,
    "trainer.compile": False,
    "trainer.channels_last": True,
    "trainer.ema_decay": None,
    "trainer.sync_batchnorm": False,
}
"""Keys added after the first release, with the value that matches the earlier behavior. They enter
the signature only if they differ from it, so that existing runs are found after an upgrade."""


def signature(
    config: Mapping[str, Any],
    fingerprint: str,
    world_size: int,
    own_code: Mapping[str, str] | None = None,
) -> str:
    """Hash everything that can affect the result of a run.

    Args:
        config: the resolved configuration, with the hash of a checkpoint as `init_from`.
        fingerprint: hash of the dataset's content.
        world_size: number of processes of the run.
        own_code: hashes of the user's own packages that the run uses, see :mod:`.own_code`.
    """
    parts: list[Any] = [first_names(relevant_content(config)), fingerprint, world_size]
    if own_code:  # a run without any has the signature of versions that did not hash it
        parts.append(dict(own_code))
    content = json.dumps(parts, sort_keys=True)
    return hashlib.blake2b(content.encode(), digest_size=6).hexdigest()


def relevant_content(config: Mapping[str, Any]) -> Plain:
    """Select the part of a resolved configuration that can affect a result, under current names."""
    relevant = current_names(config)
    _drop_unrelated_names(relevant)
    if _look_up(relevant, "labels.colors") is not None:
        relevant["labels"]["colors"] = first_colors(relevant["labels"])
    if _look_up(relevant, "dataset.crop") in (None, "none"):
        _drop(relevant, "dataset.crop_margin")
    if _look_up(relevant, "data.sampling") != "repeat_factor":
        _drop(relevant, "data.repeat_threshold")
    if _look_up(relevant, "data.fit") not in (None, "squeeze"):
        _drop(relevant, "data.mask_pixel")
    size = _look_up(relevant, "data.image_size")
    if isinstance(size, list) and len(set(size)) == 1:  # a square by its two sides
        relevant["data"]["image_size"] = size[0]
    for key in IRRELEVANT_KEYS:
        _drop(relevant, key)
    for key, neutral in NEUTRAL_DEFAULTS.items():
        if _look_up(relevant, key) == neutral:
            _drop(relevant, key)
    return relevant


def is_irrelevant(key: str) -> bool:
    """Return whether a dotted key, or the group that it belongs to, cannot affect the result."""
    return any(key == other or key.startswith(f"{other}.") for other in IRRELEVANT_KEYS)


def fill_missing_keys(config: Plain) -> Plain:
    """Add keys to a recorded configuration that were introduced later, with neutral values.

    Keys of functions with default values do not need this.
    """
    filled = copy.deepcopy(config)
    for key, neutral in {"trainer.devices": 1, **NEUTRAL_DEFAULTS}.items():
        group, _, name = key.partition(".")
        if group == "trainer" and filled.get(group, {}).get("_target_") == TRAINER:
            filled[group].setdefault(name, neutral)
    return filled


def _drop_unrelated_names(config: Plain) -> None:
    """Drop names of other datasets from the label space, and the roots of merged datasets."""
    dataset, labels = config.get("dataset", {}), config.get("labels", {})
    own = source_names(dataset)
    for name, gathered in labels.get("gathers", {}).items():
        labels["gathers"][name] = [source for source in gathered if source in own]
    for source in dataset.get("sources", {}).values():
        _drop(source, "root")


def _look_up(config: Mapping[str, Any], key: str) -> Any:
    for part in key.split("."):
        if not isinstance(config, Mapping) or part not in config:
            return None
        config = config[part]
    return config


def _drop(config: Plain, key: str) -> None:
    *parents, last = key.split(".")
    for part in parents:
        config = config.get(part, {})
    config.pop(last, None)
