"""Allowlist of `_target_` functions: those in the shipped files and in trusted packages.

Checking a prefix is not enough: `clothseg.build.torch.load` reaches into another library. A target
must therefore appear literally in a file of `conf/`, or be defined in a package listed in `trust`.
"""

import importlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from clothseg.config.renamed import TARGETS
from clothseg.error import ConfigError
from clothseg.shipped import CONF


@cache
def shipped_targets() -> frozenset[str]:
    """All `_target_` values in the shipped files."""
    pattern = re.compile(r"^\s*_target_:\s*(\S+)", re.MULTILINE)
    return frozenset(t for path in CONF.rglob("*.yaml") for t in pattern.findall(path.read_text()))


def own_package(target: Any, trust: Sequence[str]) -> str | None:
    """Return the trusted package that a target belongs to; None for the shipped targets."""
    if not isinstance(target, str) or target in shipped_targets():
        return None
    return next((package for package in trust if target.startswith(f"{package}.")), None)


def resolve_target(target: Any, trust: Sequence[str]) -> Callable[..., Any]:
    """Import the function that a `_target_` refers to.

    Args:
        target: dotted path of a function.
        trust: packages whose functions are allowed in addition to the shipped targets.

    Raises:
        ConfigError: the target is not trusted, or there is no such function.
    """
    if not isinstance(target, str):
        text = "null" if target is None else target
        raise ConfigError([f"_target_={text}: must be the dotted path of a function"])
    if target in TARGETS:
        raise ConfigError(
            [f"_target_={target}: this function has been renamed to {TARGETS[target]}"]
        )
    module_name, _, name = target.rpartition(".")
    package = own_package(target, trust)
    if target not in shipped_targets() and package is None:
        raise ConfigError(
            [
                f"_target_={target} is not trusted; allowed are the targets in the shipped conf/ "
                "and, with trust=[<package>], functions of your own package"
            ]
        )
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a user's own module may raise anything
        if package is None and not isinstance(error, ImportError):
            raise
        raise ConfigError(
            [
                f"_target_={target} cannot be imported ({type(error).__name__}: {error}); "
                f"`python -c 'import {module_name}'` shows the traceback"
            ]
        ) from error
    if not hasattr(module, name):
        raise ConfigError([f"_target_={target}: {module_name} has no `{name}`"])
    function: Callable[..., Any] = getattr(module, name)
    if not callable(function):
        kind = type(function).__name__
        raise ConfigError([f"_target_={target}: `{name}` is not callable; its type is {kind}"])
    home = str(getattr(function, "__module__", ""))
    if package is not None and not (home == package or home.startswith(f"{package}.")):
        raise ConfigError(
            [f"_target_={target} is defined in {home}, outside the trusted package {package}"]
        )
    return function


def targets(node: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the dotted path and content of each node that has a `_target_`."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield path, node
        for key, value in node.items():
            yield from targets(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for index, value in enumerate(node):
            yield from targets(value, f"{path}.{index}")
