"""Schema validation of a configuration, with readable error messages.

The schema of a node with a `_target_` is the settings of that function, see :mod:`.parameters`; the
schema of all other nodes is a class in :mod:`.schema`. This module does not import torch.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import Any

from pydantic import BaseModel, ValidationError, create_model

from clothseg.config.parameters import settings_of
from clothseg.config.renamed import new_key
from clothseg.config.schema import Arguments, Config, Execution, Node, Preparation
from clothseg.config.suggestion import no_such_key
from clothseg.config.target import resolve_target, targets
from clothseg.error import ConfigError, first_line, shortened

PLAIN_WORDS = {
    "input should be": "must be",
    " should have": " must have",
    " after validation": "",
    "an instance of Sequence": "a list",
    "an instance of Mapping": "a dictionary",
}
"""Replacements in pydantic's messages."""


def config_problems(
    config: Mapping[str, Any], schema: type[BaseModel] = Config, groups: Sequence[str] = ()
) -> list[str]:
    """Find all schema violations of a resolved configuration, one sentence each.

    Args:
        config: plain containers, interpolations resolved.
        schema: class that defines the keys.
        groups: config groups, suggested for unknown top-level keys as well.
    """
    paths = partial(_key_paths, config, schema)
    problems = _model_problems(schema, config, "", groups, paths)
    problems += [
        f"{name}._target_: required key is missing"
        for name, field in schema.model_fields.items()
        if field.annotation == Node and isinstance(config.get(name), Mapping)
        if "_target_" not in config[name]
    ]
    problems += [
        f"{path}: contains ${{, but nothing in a checked configuration is interpolated: write the "
        "value itself"
        for path in _uninterpolated(config)
    ]
    trust = config.get("trust")
    for path, node in targets(config):
        shared = Preparation if path == "dataset" else Arguments
        try:
            function = resolve_target(node["_target_"], trust if isinstance(trust, list) else [])
            model = argument_model(function, shared)
        except ConfigError as error:
            problems += [f"{path}.{problem}" for problem in error.problems]
            continue
        arguments = {key: value for key, value in node.items() if key != "_target_"}
        problems += _model_problems(model, arguments, path, (), paths)
        if path == "trainer":  # a user's own function may accept other values
            read = {key: arguments[key] for key in Execution.model_fields if key in arguments}
            problems += _model_problems(Execution, read, path)
    return list(dict.fromkeys(problems))


def _uninterpolated(node: Any, path: str = "") -> Iterator[str]:
    """Yield the dotted paths of texts in which an interpolation was escaped or never resolved."""
    if isinstance(node, str):
        if "${" in node:
            yield path
    elif isinstance(node, Mapping):
        for key, value in node.items():
            name = f"{path}.{key}" if path else str(key)
            yield from _uninterpolated(value, name)
            if "${" in str(key):
                yield name
    elif isinstance(node, Sequence):
        for index, value in enumerate(node):
            yield from _uninterpolated(value, f"{path}.{index}")


def plugin_problems(node: Mapping[str, Any], path: str) -> list[str]:
    """Find all settings of a launcher or a sweeper that do not match its parameters.

    Args:
        node: its settings; those of other packages than this one are not checked.
        path: `hydra.launcher` or `hydra.sweeper`.
    """
    if not node.get("_target_", "").startswith("hydra_plugins.clothseg_"):
        return []
    arguments = {key: value for key, value in node.items() if key != "_target_"}
    return _model_problems(argument_model(resolve_target(node["_target_"], [])), arguments, path)


@cache
def argument_model(
    function: Callable[..., Any], shared: type[BaseModel] = Arguments
) -> type[BaseModel]:
    """Model of the arguments of a function: its settings and shared keys.

    A parameter without annotation accepts any value. A positional one with a default is no setting
    if its annotation cannot be validated, such as a tensor.

    Raises:
        ConfigError: names each keyword-only parameter whose annotation cannot be validated.
    """
    fields = {}
    try:
        parameters = settings_of(function)
    except ValueError as error:  # some functions that are implemented in C
        raise ConfigError([f"_target_: its parameters cannot be inspected ({error})"]) from error
    for parameter in parameters:
        field = (
            Any if parameter.annotation is parameter.empty else parameter.annotation,
            ... if parameter.default is parameter.empty else parameter.default,
        )
        if parameter.kind is parameter.KEYWORD_ONLY or _is_valid(function, parameter.name, field):
            fields[parameter.name] = field
    try:
        return _model(function, shared, fields)
    except Exception as combined:  # an annotation that is a string can be any expression
        problems = []
        for name, field in fields.items():
            try:
                _model(function, shared, {name: field})
            except Exception as error:
                reason = first_line(error)
                problems.append(
                    f"_target_: its parameter `{name}` cannot be validated ({reason}); annotate "
                    "it with a plain type such as float, str or list[int]"
                )
        raise ConfigError(problems) from combined


def _is_valid(function: Callable[..., Any], name: str, field: Any) -> bool:
    try:
        _model(function, Arguments, {name: field})
    except Exception:  # as in argument_model
        return False
    return True


def _model(
    function: Callable[..., Any], shared: type[BaseModel], fields: Mapping[str, Any]
) -> type[BaseModel]:
    """Create a model; string annotations are evaluated in the module of the function."""
    model: type[BaseModel] = create_model(
        "Parameters", __base__=shared, __module__=function.__module__, **fields
    )
    model.model_rebuild()  # raises for unknown names now, not at the first validation
    return model


def _key_paths(config: Mapping[str, Any], schema: type[BaseModel]) -> list[str]:
    """Dotted paths of the keys that exist: those of the schema and of all functions."""
    fields = schema.model_fields
    paths = list(fields)
    for name, field in fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            paths += [f"{name}.{key}" for key in field.annotation.model_fields]
    trust = config.get("trust")
    for path, node in targets(config):
        with suppress(ConfigError):  # reported where the function is checked
            function = resolve_target(node["_target_"], trust if isinstance(trust, list) else [])
            paths += [f"{path}.{key}" for key in argument_model(function).model_fields]
    return paths


def _model_problems(
    schema: type[BaseModel],
    values: Any,
    path: str,
    groups: Sequence[str] = (),
    paths: Callable[[], Sequence[str]] = tuple,
) -> list[str]:
    """Find the schema violations of a node.

    Args:
        schema: class that defines the keys.
        values: content of the node.
        path: dotted path of the node; empty for the whole configuration.
        groups: config groups, suggested for unknown keys as well.
        paths: returns all dotted paths of the configuration; called only for unknown keys.
    """
    try:
        schema.model_validate(values)
    except ValidationError as error:
        messages: dict[str, list[str]] = {}
        for detail in error.errors():
            key, sentence = _sentence(detail, schema, values, path, groups, paths)
            messages.setdefault(key, []).append(sentence)
        return [f"{key}{' or '.join(dict.fromkeys(texts))}" for key, texts in messages.items()]
    return []


def _sentence(
    detail: Mapping[str, Any],
    schema: type[BaseModel],
    values: Any,
    path: str,
    groups: Sequence[str],
    paths: Callable[[], Sequence[str]],
) -> tuple[str, str]:
    """Key and value of one pydantic error, and its message."""
    location = _existing(detail["loc"], values)
    key = shortened(".".join([path, *map(str, location)] if path else map(str, location)))
    if detail["type"] == "extra_forbidden":
        node = ".".join([*([path] if path else []), *map(str, location[:-1])])
        if new := new_key(node, str(location[-1])):
            return f"{key}: ", f"this key has been renamed to {new}"
        known = {*_known_keys(schema, location[:-1]), *(groups if len(location) == 1 else ())}
        word = _last_key(str(location[-1]), _value(values, location))
        return f"{key}: ", no_such_key(word, known, paths())
    if detail["type"] == "missing":
        missing = ".".join([*([path] if path else []), *map(str, detail["loc"])])
        return f"{missing}: ", "required key is missing"
    return f"{key}={shortened(_value(values, location))}: ", plain_words(detail["msg"])


def plain_words(message: str) -> str:
    """Convert a message of pydantic to the predicate of a sentence about a value."""
    message = re.sub(r" or instance of \w+", "", message[0].lower() + message[1:])
    for technical, plain in PLAIN_WORDS.items():
        message = message.replace(technical, plain)
    return message


def _existing(location: Sequence[Any], values: Any) -> list[Any]:
    """Prefix of an error's location that exists in the values; pydantic appends type names."""
    existing: list[Any] = []
    for step in location:
        if (isinstance(values, Mapping) and step in values) or (
            isinstance(values, list) and isinstance(step, int) and step < len(values)
        ):
            values = values[step]
        else:
            break
        existing.append(step)
    return existing


def _value(values: Any, location: Sequence[Any]) -> Any:
    for step in location:
        values = values[step]
    return values


def _last_key(key: str, value: Any) -> str:
    """Last part of an unknown key that was set with dots, such as `lr` of `optim.lr`."""
    while isinstance(value, Mapping) and len(value) == 1:
        ((key, value),) = value.items()
    return str(key)


def _known_keys(schema: type[BaseModel], location: Sequence[Any]) -> list[str]:
    for step in location:
        annotation: Any = schema.model_fields[step].annotation
        schema = annotation
    return list(schema.model_fields)
