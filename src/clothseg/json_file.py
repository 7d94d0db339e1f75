"""JSON files whose shape is checked before anything reads a key of them.

A shape is a `TypedDict`. Its values are not converted, so what has the shape is what was written.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from clothseg.error import DataError, shortened
from clothseg.untrusted import MAX_LIST_BYTES, parse_json, read_file

Plain = dict[str, Any]

STRICT = ConfigDict(strict=True, allow_inf_nan=False, extra="allow")
"""Configuration of a shape: no conversions, finite numbers; later versions may add keys."""

KNOWN: ConfigDict = {**STRICT, "extra": "ignore"}
"""Configuration of a shape whose further keys are left out."""

Count = Annotated[int, Field(ge=0, le=2**53)]
"""Number of things; sums of many of them fit into 64 bits."""
Ratio = Annotated[float, Field(ge=0, le=1)]


def read_json(path: Path, shape: Any, remedy: str) -> Plain:
    """Read and check a JSON file.

    Raises:
        DataError: the file is missing, is no JSON, or has another shape.
    """
    try:
        text = read_file(path, MAX_LIST_BYTES)
    except DataError as error:
        raise DataError(f"{path} is missing or damaged ({error}); {remedy}") from error
    return check_json(text, shape, path, remedy)


def check_json(text: bytes, shape: Any, path: Path, remedy: str) -> Plain:
    """Parse and check what was read from a JSON file; arguments as for :func:`require_shape`.

    Raises:
        DataError: it is no JSON, or has another shape.
    """
    try:
        content = parse_json(text)
    except ValueError as error:
        raise DataError(f"{path} is missing or damaged ({error}); {remedy}") from error
    return require_shape(content, shape, path, remedy)


def require_shape(content: Any, shape: Any, path: Path, remedy: str) -> Plain:
    """Check the content of a file.

    Args:
        content: plain value.
        shape: the type of the content.
        path: the file.
        remedy: what to do about it, the last part of the message.

    Returns:
        The checked content, without the keys that the shape ignores.

    Raises:
        DataError: names the file and the first violation.
    """
    try:
        checked: Plain = _adapter(shape).validate_python(content)
    except ValidationError as error:
        reason = _reason(error.errors(include_url=False, include_context=False)[0])
        raise DataError(f"{path} is damaged ({reason}); {remedy}") from error
    return checked


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def _reason(detail: Mapping[str, Any]) -> str:
    """Say in words what pydantic found first."""
    place = shortened(".".join(map(str, detail["loc"])))
    if detail["type"] == "missing":
        return f"{place}: required key is missing"
    message = detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    message = message.replace("input should be", "must be")
    value = detail["input"]
    if not isinstance(value, dict | list):
        message += f", not {shortened(_shown(value), 60)}"
    return f"{place}: {shortened(message)}" if place else shortened(message)


def _shown(value: Any) -> str:
    """Write a value as JSON does; Python refuses to write integers of thousands of digits."""
    try:
        return repr(value) if isinstance(value, str) else f"{value}"
    except ValueError:
        return "a number of thousands of digits"
