"""Command lines that only print a configuration: unknown keys, and overrides for Hydra.

Hydra composes the printed configuration itself. It sets a `_target_` without removing the arguments
of the old function, and rejects those of the new one.
"""

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict

from clothseg.config.override import variants
from clothseg.config.replacement import functions_first, is_function, set_value
from clothseg.config.suggestion import no_such_key
from clothseg.shipped import options


def query_overrides(
    base: DictConfig, overrides: Sequence[Override], groups: Sequence[str], problems: list[str]
) -> list[str]:
    """Convert overrides to a form in which Hydra prints the configuration that a run would have.

    Args:
        base: configuration of the selected options.
        overrides: valid overrides, each with a single value.
        groups: config groups of the main configuration.
        problems: a message is appended for each key that the configuration lacks and that is
            neither added with `+` nor an argument of a function of the command line.
    """
    replaced, dropped = _replaced(base, [o for o in overrides if o.key_or_group not in groups])
    paths = _paths(OmegaConf.to_container(base))
    texts = []
    for override in overrides:
        key, text = override.key_or_group, str(override.input_line)
        is_added = override.is_add() or override.is_force_add()
        if key.startswith(tuple(f"{path}." for path in replaced)) and not override.is_delete():
            text = f"++{text.lstrip('+')}"
        elif key not in {*groups, *paths} and not is_added:
            problems.append(_unknown(key, paths))
        texts.append(text)
    typed = {override.key_or_group for override in overrides}
    return [*texts, *(f"~{key}" for key in dropped if key not in typed)]


def _replaced(base: DictConfig, overrides: Sequence[Override]) -> tuple[list[str], list[str]]:
    """Paths of the nodes whose function is replaced, and of the arguments that go with it."""
    values = [
        variant
        for override in overrides
        for variant in variants(override, is_option=False)
        if not variant.is_deletion and is_function(variant.key)
    ]
    after = base.copy()
    with open_dict(after):
        for variant in functions_first(values):
            set_value(after, variant.key, variant.value)
    paths = [variant.key.removesuffix("._target_") for variant in values]
    before = {path: OmegaConf.select(base, path) for path in paths}
    dropped = [
        f"{path}.{key!s}"
        for path, node in before.items()
        if isinstance(node, DictConfig)
        for key in node
        if key not in OmegaConf.select(after, path)
    ]
    return paths, dropped


def _paths(node: Any, path: str = "") -> list[str]:
    """Dotted paths of all keys of a configuration."""
    paths = [path] if path else []
    for key, value in node.items() if isinstance(node, dict) else ():
        paths += _paths(value, f"{path}.{key}" if path else str(key))
    return paths


def _unknown(key: str, paths: Sequence[str]) -> str:
    """Message for a key that a configuration lacks, which names its first unknown part."""
    *_, parts = [n for n in range(key.count(".") + 1) if n == 0 or _first(key, n) in paths]
    first, parent = _first(key, parts + 1), _first(key, parts)
    word = first.rpartition(".")[2]
    if word in options(parent):
        return f"{first}: {word} is not selected"
    known = {path.rpartition(".")[2] for path in paths if path.rpartition(".")[0] == parent}
    return f"{first}: {no_such_key(key.rpartition('.')[2], known - {'_target_'}, paths)}"


def _first(key: str, parts: int) -> str:
    """First parts of a dotted key."""
    return ".".join(key.split(".")[:parts])
