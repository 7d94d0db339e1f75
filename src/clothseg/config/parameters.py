"""Parameters of configured functions: which are settings, and which are given by the program."""

import inspect
from collections.abc import Callable
from typing import Any

OBJECTS = ("backbone", "classes", "pixels")
"""Positional parameters of networks and losses that are no settings even if they have a default."""


def settings_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Parameters that a configuration sets: keyword-only ones, and others with a default.

    Raises:
        ValueError: the function does not tell its parameters, as some that are implemented in C.
    """
    return [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
        or (
            parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            and parameter.default is not parameter.empty
            and parameter.name not in OBJECTS
        )
    ]


def objects_of(function: Callable[..., Any]) -> list[str]:
    """Names of the positional parameters that the program gives."""
    return [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and (parameter.default is parameter.empty or parameter.name in OBJECTS)
    ]
