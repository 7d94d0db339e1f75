"""Every way in which a configuration departs from its shape, in sentences for people.

The shape of what builds something is the keyword-only parameters of the function behind its
`_target_`; that of all else is a class of :mod:`.schema`. Nothing here imports torch.
"""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError, create_model

from clothseg.config.renamed import new_key
from clothseg.config.schema import Arguments, Config, Preparation
from clothseg.config.target import resolve_target, targets
from clothseg.error import ConfigError, first_line


def config_problems(
    config: Mapping[str, Any], shape: type[BaseModel] = Config, groups: Sequence[str] = ()
) -> list[str]:
    """Every way in which a resolved configuration departs from its shape, one sentence each.

    Args:
        config: plain containers, interpolations resolved.
        shape: the class that states the keys.
        groups: config groups, to name where no key is meant; some choose values of several keys.
    """
    problems = _model_problems(shape, config, "", groups)
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
        problems += _model_problems(model, arguments, path)
    return problems


def launcher_problems(node: Mapping[str, Any]) -> list[str]:
    """Every way in which the settings of a launcher depart from its parameters."""
    if not node.get("_target_", "").startswith("hydra_plugins.clothseg_launchers."):
        return []  # one that Hydra brings or that a person has installed
    arguments = {key: value for key, value in node.items() if key != "_target_"}
    return _model_problems(
        argument_model(resolve_target(node["_target_"], [])), arguments, "hydra.launcher"
    )


def argument_model(
    function: Callable[..., Any], shared: type[BaseModel] = Arguments
) -> type[BaseModel]:
    """What a configuration may pass to a function: its keyword-only parameters, and shared keys.

    A parameter without annotation takes any value.

    Raises:
        ConfigError: names every parameter whose annotation no value can be compared with.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError as error:  # some that are written in C
        raise ConfigError([f"_target_: its parameters are not known ({error})"]) from error
    fields = {
        parameter.name: (
            Any if parameter.annotation is parameter.empty else parameter.annotation,
            ... if parameter.default is parameter.empty else parameter.default,
        )
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    try:
        return _model(function, shared, fields)
    except Exception as whole:  # an annotation that is text can be any expression
        problems = []
        for name, field in fields.items():
            try:
                _model(function, shared, {name: field})
            except Exception as error:
                reason = first_line(error)
                problems.append(
                    f"_target_: its parameter `{name}` cannot be checked ({reason}); annotate it "
                    "with a type of plain values, such as float, str or list[int]"
                )
        raise ConfigError(problems) from whole


def _model(
    function: Callable[..., Any], shared: type[BaseModel], fields: Mapping[str, Any]
) -> type[BaseModel]:
    """A model with some fields; annotations that are text mean what they do beside the function."""
    model: type[BaseModel] = create_model(
        "Parameters", __base__=shared, __module__=function.__module__, **fields
    )
    model.model_rebuild()  # tells a name that does not exist, which is left for later otherwise
    return model


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """The closest of some words as a question, then all of them."""
    known = sorted(choices)
    close = difflib.get_close_matches(word, known, 1, 0.5)
    question = f"did you mean `{close[0]}`? " if close else ""
    return f"{question}There are: {', '.join(known)}" if known else "There are none"


def _model_problems(
    shape: type[BaseModel], values: Any, path: str, groups: Sequence[str] = ()
) -> list[str]:
    try:
        shape.model_validate(values)
    except ValidationError as error:
        messages: dict[str, list[str]] = {}
        for detail in error.errors():
            key, sentence = _sentence(detail, shape, values, path, groups)
            messages.setdefault(key, []).append(sentence)
        return [f"{key}{' or '.join(dict.fromkeys(texts))}" for key, texts in messages.items()]
    return []


def _sentence(
    detail: Mapping[str, Any],
    shape: type[BaseModel],
    values: Any,
    path: str,
    groups: Sequence[str],
) -> tuple[str, str]:
    """The key of one error of pydantic with its value, and what is wrong with it."""
    place = _existing(detail["loc"], values)
    key = ".".join([path, *map(str, place)] if path else map(str, place))
    if detail["type"] == "extra_forbidden":
        node = ".".join([*([path] if path else []), *map(str, place[:-1])])
        if new := new_key(node, str(place[-1])):
            return f"{key}: ", f"this key is called {new} now"
        known = {*_known_keys(shape, place[:-1]), *(groups if len(place) == 1 else ())}
        return f"{key}: ", f"no such key; {did_you_mean(str(place[-1]), known)}"
    if detail["type"] == "missing":
        missing = ".".join([*([path] if path else []), *map(str, detail["loc"])])
        return f"{missing}: ", "is missing"
    message = detail["msg"][0].lower() + detail["msg"][1:]
    return f"{key}={_value(values, place)}: ", message.replace("input should be", "must be")


def _existing(location: Sequence[Any], values: Any) -> list[Any]:
    """The part of an error's place that lies in the values; pydantic adds names of alternatives."""
    place: list[Any] = []
    for step in location:
        if (isinstance(values, Mapping) and step in values) or (
            isinstance(values, list) and isinstance(step, int) and step < len(values)
        ):
            values = values[step]
        else:
            break
        place.append(step)
    return place


def _value(values: Any, place: Sequence[Any]) -> Any:
    for step in place:
        values = values[step]
    return values


def _known_keys(shape: type[BaseModel], place: Sequence[Any]) -> list[str]:
    for step in place:
        shape = shape.model_fields[step].annotation  # type: ignore[assignment]
    return list(shape.model_fields)
