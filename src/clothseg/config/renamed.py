"""Renamed keys, options and targets; old records and signatures remain valid.

Records of earlier versions are converted to the current names. An old name on the command line is
an error that states the new name. Signatures are computed with the original names, so that a rename
does not move run folders.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

Plain = dict[str, Any]

KEYS: Mapping[str, Mapping[str, str]] = {
    "": {"photos": "num_images"},  # of scripts/dataset.py
    "data": {"photos": "max_train_images", "rare": "repeat_threshold"},
    "dataset": {"photos": "num_images", "margin": "crop_margin"},
    "loss": {"limit": "max_weight"},
    "split": {"photos": "images", "evaluation": "test_images", "instances": "min_instances"},
    "trainer": {
        "accumulate": "accumulation_steps",
        "clip": "gradient_clip_norm",
        "ema": "ema_decay",
    },
    "hydra.launcher": {"n_jobs": "max_parallel", "at_once": "max_parallel"},
}
"""Old to new names of keys, by the node that contains them."""

OPTIONS: Mapping[str, Mapping[str, str]] = {
    "augmentation": {"mirror": "flip"},
    "hydra/launcher": {"joblib": "local"},
}
"""Old to new names of options, by group."""

TARGETS: Mapping[str, str] = {"clothseg.augmentation.mirror": "clothseg.augmentation.flip"}
"""Old to new targets."""


def current_names(config: Mapping[str, Any]) -> Plain:
    """Convert a configuration of any version to the current names."""
    return _rename(config, {node: dict(names) for node, names in KEYS.items()}, dict(TARGETS))


def first_names(config: Mapping[str, Any]) -> Plain:
    """Convert a configuration to the names under which its keys and targets were introduced."""
    keys = {node: {new: old for old, new in names.items()} for node, names in KEYS.items()}
    return _rename(config, keys, {new: old for old, new in TARGETS.items()})


def current_record(content: Mapping[str, Any]) -> Plain:
    """Convert `choices`, `overrides` and `config` of a record to the current names."""
    choices = {
        group: OPTIONS.get(group, {}).get(option, option)
        for group, option in content["choices"].items()
    }
    overrides = [_current_override(text) for text in content["overrides"]]
    config = current_names(content["config"])
    return {**content, "choices": choices, "overrides": overrides, "config": config}


def new_key(node: str, key: str) -> str | None:
    """Current dotted path of a renamed key; None if the key was not renamed.

    Args:
        node: dotted path of the node that contains the key.
        key: the name that was used.
    """
    name = KEYS.get(_group(node), {}).get(key)
    return name and (f"{node}.{name}" if node else name)


def _rename(
    config: Mapping[str, Any], keys: Mapping[str, Mapping[str, str]], new_targets: Mapping[str, str]
) -> Plain:
    result = copy.deepcopy(dict(config))
    for path, node in _nodes(result):
        target = node.get("_target_", "")
        if not isinstance(target, str) or (target and not target.startswith("clothseg.")):
            continue  # a user's own package has its own keys
        names = keys.get(_group(path), {})
        renamed = {names.get(key, key): value for key, value in node.items()}
        if target in new_targets:
            renamed["_target_"] = new_targets[target]
        node.clear()
        node.update(renamed)
    return result


def _nodes(config: Plain) -> Iterator[tuple[str, Plain]]:
    """Groups of a configuration and sources of a merged dataset, with their dotted paths."""
    for group, node in config.items():
        if isinstance(node, dict):
            yield group, node
            sources = node.get("sources") if group == "dataset" else None
            for name, source in (sources if isinstance(sources, dict) else {}).items():
                if isinstance(source, dict):
                    yield f"dataset.sources.{name}", source


def _group(path: str) -> str:
    """Node of :data:`KEYS` that applies to a path."""
    return "dataset" if path.startswith("dataset.sources.") else path


def _current_override(text: str) -> str:
    key, equals, value = text.partition("=")
    sign = key[: len(key) - len(key.lstrip("+~"))]
    node, _, last = key.lstrip("+~").rpartition(".")
    value = OPTIONS.get(key, {}).get(value, value)
    return sign + (new_key(node, last) or key.lstrip("+~")) + equals + value
