"""Replacement of the function of an option: by a `_target_` on the command line.

The arguments of the old function go with it, and the configuration is shown under the name of the
new one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from clothseg.config.override import Variant
from clothseg.config.schema import Execution, Preparation
from clothseg.config.target import resolve_target, shipped_targets, targets
from clothseg.config.validation import argument_model
from clothseg.error import ConfigError
from clothseg.shipped import options

KEPT_KEYS = {"dataset": frozenset(Preparation.model_fields)}
"""Keys beside a `_target_` that are not arguments of its function."""

SHARED_KEYS = {"split": {"fold"}, "trainer": {*Execution.model_fields, "max_epochs"}}
"""Arguments that other parts of a command decide or read, such as the budget; they are kept if the
new function has them, too."""


def functions_first(combination: Iterable[Variant]) -> list[Variant]:
    """Move trusted packages and `_target_` to the front, so that no typed argument is dropped."""
    return sorted(combination, key=lambda v: (v.key != "trust", not is_function(v.key)))


def set_value(config: DictConfig, key: str, value: Any) -> None:
    """Set a value of a configuration that accepts new keys.

    A node whose `_target_` changes loses the arguments of its old function. A dictionary in place
    of a list, or the reverse, is left to the schema.

    Args:
        config: is changed.
        key: dotted path.
        value: plain value.
    """
    whole = (
        {key.removesuffix("._target_"): {"_target_": value}} if is_function(key) else {key: value}
    )
    for path, node in targets(whole):
        _drop_old_arguments(config, path, node["_target_"])
    try:
        OmegaConf.update(config, key, value, force_add=True)
    except (OmegaConfBaseException, ValueError, TypeError):
        OmegaConf.update(config, key, value, merge=False, force_add=True)


def shown_choices(
    choices: Mapping[str, str],
    before: DictConfig,
    after: DictConfig,
    combination: Sequence[Variant],
) -> dict[str, str]:
    """Name what is selected in each group: the option, or the function that replaces its own.

    A function that is added to an option, such as a callback, is appended to it with a plus sign.

    Args:
        choices: the selected option of each group.
        before: configuration of these options.
        after: configuration with all overrides.
        combination: the overrides.
    """
    shown = dict(choices)
    if not any("_target_" in variant.text for variant in combination):
        return shown
    for group in choices:
        old, new = _functions(before, group), _functions(after, group)
        for path, target in new.items():
            if target != old.get(path):
                name = _name(group, target)
                shown[group] = name if path == group else f"{shown[group]}+{name}"
    return shown


def _drop_old_arguments(config: DictConfig, path: str, target: Any) -> None:
    """Remove the arguments of a node's function unless it already is this one."""
    node = OmegaConf.select(config, path)
    if not isinstance(node, DictConfig) or node.get("_target_") in (None, target):
        return
    kept = {"_target_", *KEPT_KEYS.get(path, ())}
    if path in SHARED_KEYS:
        kept |= SHARED_KEYS[path] & _arguments(target, OmegaConf.select(config, "trust"))
    for key in [key for key in node if key not in kept]:
        del node[key]


def _arguments(target: Any, trust: Any) -> set[str]:
    """Names of a function's settings; none if it cannot be used, which the check reports."""
    try:
        return {*argument_model(resolve_target(target, list(trust))).model_fields}
    except (ConfigError, TypeError):
        return set()


def is_function(key: str) -> bool:
    """Return whether a dotted key is that of a node's function."""
    return key.endswith("._target_")


def _functions(config: DictConfig, group: str) -> dict[str, str]:
    """Target of each node of a group by its path."""
    node = OmegaConf.to_container(config[group]) if group in config else None
    return {
        path: found["_target_"]
        for path, found in targets({group: node})
        if isinstance(found["_target_"], str)
    }


def _name(group: str, target: str) -> str:
    """Last part of a target; all of it if this is the name of an option that it is not."""
    name = target.rpartition(".")[2]
    return target if name in options(group) and target not in shipped_targets() else name
