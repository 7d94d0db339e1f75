"""Configured functions: a `_target_` and its arguments, checked against each other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clothseg.config.parameters import objects_of
from clothseg.config.target import resolve_target


@dataclass(frozen=True)
class Call:
    """Call of a function that lacks only its positional arguments.

    Nothing in the arguments is interpreted again: they reach the function as they were checked.

    Args:
        function: the function of the `_target_`.
        arguments: keyword arguments, plain values; nested calls are made first.
    """

    function: Callable[..., Any]
    arguments: Mapping[str, Any]

    def __call__(self, *positional: Any) -> Any:
        """Call the function, which may change its arguments."""
        return self.function(*positional, **_fresh(self.arguments))

    def given(self, *objects: Any) -> Any:
        """Call the function with the last of some objects, as many as it takes by position.

        Args:
            objects: the less a function needs one, the further at the front.
        """
        count = min(len(objects), len(objects_of(self.function)))
        return self(*objects[len(objects) - count :])


def call_of(node: Mapping[str, Any], trust: Sequence[str], without: Sequence[str] = ()) -> Call:
    """Create the call of a checked node of a configuration.

    Args:
        node: keyword arguments beside the `_target_`, plain values.
        trust: packages whose functions are allowed, see :func:`resolve_target`.
        without: keys that are not for the function.

    Raises:
        ConfigError: the target is not trusted, or there is no such function.
    """
    arguments = {
        key: _with_calls(value, trust)
        for key, value in node.items()
        if key != "_target_" and key not in without
    }
    return Call(resolve_target(node["_target_"], trust), arguments)


def _with_calls(value: Any, trust: Sequence[str]) -> Any:
    """Replace nodes with a `_target_` by calls."""
    if isinstance(value, Mapping):
        if "_target_" in value:
            return call_of(value, trust)
        return {key: _with_calls(item, trust) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_calls(item, trust) for item in value]
    return value


def _fresh(value: Any) -> Any:
    """Copy containers and make nested calls."""
    if isinstance(value, Call):
        return value()
    if isinstance(value, Mapping):
        return {key: _fresh(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_fresh(item) for item in value]
    return value
