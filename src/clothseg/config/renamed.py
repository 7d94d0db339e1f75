"""Keys, options and targets that were renamed: records keep their old names, and so do signatures.

A record of an earlier version is read with the names of today; a command line that uses an old name
is told the new one; and signatures are computed with the first names, so that a renaming moves no
run folder.
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
"""New names of keys by the node that they are in and their old names."""

OPTIONS: Mapping[str, Mapping[str, str]] = {
    "augmentation": {"mirror": "flip"},
    "hydra/launcher": {"joblib": "local"},
}
"""New names of options by their group and their old names."""

TARGETS: Mapping[str, str] = {"clothseg.augmentation.mirror": "clothseg.augmentation.flip"}
"""New targets by their old ones."""


def current_names(config: Mapping[str, Any]) -> Plain:
    """A configuration of any version with the names of today; new names stay as they are."""
    return _renamed(config, {node: dict(names) for node, names in KEYS.items()}, dict(TARGETS))


def first_names(config: Mapping[str, Any]) -> Plain:
    """A configuration with the names that its keys and targets had when they were introduced."""
    keys = {node: {new: old for old, new in names.items()} for node, names in KEYS.items()}
    return _renamed(config, keys, {new: old for old, new in TARGETS.items()})


def current_record(content: Mapping[str, Any]) -> Plain:
    """The `choices`, `overrides` and `config` of a record with the names of today."""
    choices = {
        group: OPTIONS.get(group, {}).get(option, option)
        for group, option in content["choices"].items()
    }
    overrides = [_current_override(text) for text in content["overrides"]]
    config = current_names(content["config"])
    return {**content, "choices": choices, "overrides": overrides, "config": config}


def new_key(node: str, key: str) -> str | None:
    """The name of today of a key that was renamed; None for every other one.

    Args:
        node: dotted path of the node that the key is in.
        key: the name that was used.
    """
    name = KEYS.get(_group(node), {}).get(key)
    return name and (f"{node}.{name}" if node else name)


def _renamed(
    config: Mapping[str, Any], keys: Mapping[str, Mapping[str, str]], new_targets: Mapping[str, str]
) -> Plain:
    whole = copy.deepcopy(dict(config))
    for path, node in _nodes(whole):
        target = node.get("_target_", "")
        if not isinstance(target, str) or (target and not target.startswith("clothseg.")):
            continue  # a package of the user's own has its own keys
        names = keys.get(_group(path), {})
        renamed = {names.get(key, key): value for key, value in node.items()}
        if target in new_targets:
            renamed["_target_"] = new_targets[target]
        node.clear()
        node.update(renamed)
    return whole


def _nodes(config: Plain) -> Iterator[tuple[str, Plain]]:
    """The groups of a configuration, and the sources of a merged dataset."""
    for group, node in config.items():
        if isinstance(node, dict):
            yield group, node
            sources = node.get("sources") if group == "dataset" else None
            for name, source in (sources if isinstance(sources, dict) else {}).items():
                if isinstance(source, dict):
                    yield f"dataset.sources.{name}", source


def _group(path: str) -> str:
    """The node of :data:`KEYS` that says how the keys of a node were renamed."""
    return "dataset" if path.startswith("dataset.sources.") else path


def _current_override(text: str) -> str:
    key, equals, value = text.partition("=")
    sign = key[: len(key) - len(key.lstrip("+~"))]
    node, _, last = key.lstrip("+~").rpartition(".")
    value = OPTIONS.get(key, {}).get(value, value)
    return sign + (new_key(node, last) or key.lstrip("+~")) + equals + value
