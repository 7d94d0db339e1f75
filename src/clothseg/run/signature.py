"""What makes a run that run: a hash of all that can change its result."""

import copy
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from clothseg.config.renamed import current_names, first_names
from clothseg.config.schema import NO_POSTPROCESS
from clothseg.labels import source_names

Plain = dict[str, Any]

IRRELEVANT_KEYS = (
    "output",
    "rerun",
    "rerun_from",
    "trust",
    "logger",
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
"""Keys that say where and how a run is done, not what comes out; a fold has a folder of its own,
how many processes share a batch is hashed as the world size, and a detector's weights and the
samples that are left out are part of the dataset's fingerprint."""

NEUTRAL_DEFAULTS: dict[str, Any] = {
    "dataset.crop": "none",
    "data.max_train_images": None,
    "data.sampling": "uniform",
    "model.batchnorm_momentum": 0.01,
    "model.deep_supervision": False,
    "postprocess": NO_POSTPROCESS,
    "split.held_out": 0.0,
    "trainer.accumulation_steps": 1,
    "trainer.gradient_clip_norm": None,
    "trainer.compile": False,
    "trainer.channels_last": True,
    "trainer.ema_decay": None,
    "trainer.sync_batchnorm": False,
}
"""Keys that came after the first release, with the value that means what runs did before there was
such a key. They enter the signature only with another value, so that an upgrade orphans no run."""


def signature(config: Mapping[str, Any], fingerprint: str, world_size: int) -> str:
    """Hash of what can change the result of a run.

    Args:
        config: the resolved configuration.
        fingerprint: hash of the dataset's content.
        world_size: number of processes that train together.
    """
    kept = current_names(config)
    _keep_own_names(kept)
    if _look_up(kept, "dataset.crop") in (None, "none"):
        _drop(kept, "dataset.crop_margin")
    if _look_up(kept, "data.sampling") != "repeat_factor":
        _drop(kept, "data.repeat_threshold")
    for key in IRRELEVANT_KEYS:
        _drop(kept, key)
    for key, neutral in NEUTRAL_DEFAULTS.items():
        if _look_up(kept, key) == neutral:
            _drop(kept, key)
    content = json.dumps([first_names(kept), fingerprint, world_size], sort_keys=True)
    return hashlib.blake2b(content.encode(), digest_size=6).hexdigest()


def completed(config: Plain) -> Plain:
    """A recorded configuration with the keys that came after it, at their neutral values.

    Keys of a function that has defaults of its own need none.
    """
    whole = copy.deepcopy(config)
    for key, neutral in {"trainer.devices": 1, **NEUTRAL_DEFAULTS}.items():
        group, _, name = key.partition(".")
        if group == "trainer" and isinstance(whole.get(group), dict):
            whole[group].setdefault(name, neutral)
    return whole


def _keep_own_names(config: Plain) -> None:
    """Leave out which names of other datasets a label space gathers, and where merged ones are."""
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
