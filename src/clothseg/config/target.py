"""Which functions a configuration may name: those of the shipped files, and of trusted packages.

Hydra walks attributes, so a prefix is no protection: `clothseg.build.torch.load` is a path into
another library. A target therefore has to stand literally in a file of `conf/`, or be defined in a
package that the command line trusts.
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
    """Every `_target_` that stands in a shipped file."""
    pattern = re.compile(r"^\s*_target_:\s*(\S+)", re.MULTILINE)
    return frozenset(t for path in CONF.rglob("*.yaml") for t in pattern.findall(path.read_text()))


def resolve_target(target: Any, trust: Sequence[str]) -> Callable[..., Any]:
    """The function that a `_target_` names.

    Args:
        target: dotted path of a function.
        trust: packages whose functions are allowed beside the shipped ones.

    Raises:
        ConfigError: the target is not trusted, or there is no such function.
    """
    if not isinstance(target, str):
        text = "null" if target is None else target
        raise ConfigError([f"_target_={text}: must be the dotted path of a function"])
    if target in TARGETS:
        raise ConfigError([f"_target_={target}: this function is called {TARGETS[target]} now"])
    module_name, _, name = target.rpartition(".")
    package = next((p for p in trust if target.startswith(f"{p}.")), None)
    if target not in shipped_targets() and package is None:
        raise ConfigError(
            [
                f"_target_={target} is not trusted: only targets of the shipped conf/ may be "
                "used, and those of a package of your own named with trust=[<package>]"
            ]
        )
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a module of a person's own may raise anything
        if package is None and not isinstance(error, ImportError):
            raise
        raise ConfigError(
            [
                f"_target_={target} cannot be imported ({type(error).__name__}: {error}); "
                f"`python -c 'import {module_name}'` shows where"
            ]
        ) from error
    if not hasattr(module, name):
        raise ConfigError([f"_target_={target}: there is no `{name}` in {module_name}"])
    function = getattr(module, name)
    if not callable(function):
        kind = type(function).__name__
        raise ConfigError([f"_target_={target}: `{name}` is no function but of type {kind}"])
    home = str(getattr(function, "__module__", ""))
    if package is not None and not (home == package or home.startswith(f"{package}.")):
        raise ConfigError(
            [f"_target_={target} is defined in {home}, outside the trusted {package}"]
        )
    return function


def targets(node: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every node with a `_target_` inside a plain configuration, with its dotted path."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield path, node
        for key, value in node.items():
            yield from targets(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for index, value in enumerate(node):
            yield from targets(value, f"{path}.{index}")
