"""Parsing of one override in Hydra's grammar, with limits, and with errors in our own words."""

import re
import sys
from collections.abc import Iterator
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, QuotedString, Sweep
from hydra.errors import HydraException

from clothseg.error import MAX_VALUE, ConfigError, shortened

MAX_LENGTH, MAX_DEPTH = 10_000, 20
"""Maximum number of characters of an override, and maximum nesting of its key and of its value, far
below that at which Python's stack ends."""

FORMS = {
    "bool": "bool(true)",
    "choice": "choice(a,b)",
    "float": "float(1)",
    "glob": "glob(*)",
    "int": "int(1.0)",
    "interval": "interval(0,1)",
    "range": "range(start,stop,step) with numbers",
    "shuffle": "shuffle(a,b)",
    "sort": "sort(1,2)",
    "str": "str(1)",
    "tag": "tag(name,choice(a,b))",
}
"""Correct calls of Hydra's functions."""

CLOSING = {"[": "]", "{": "}", "(": ")"}

_WORD = r"(?:[A-Za-z_$][\w$-]*|0|[1-9]\d*)"
_KEY = re.compile(rf"(?:~|\+\+?)?{_WORD}(?:[./]{_WORD})*(?:@{_WORD}(?:\.{_WORD})*)?", re.ASCII)


def parse_override(text: str) -> Override:
    """Parse an override.

    Raises:
        ConfigError: it is too long or too deep, or it is not in the grammar; says where.
    """
    if limit := _limit_problem(text):
        raise ConfigError([limit])
    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise ConfigError([_syntax_problem(text, error)]) from error
    except ValueError as error:  # Python refuses to convert longer numbers
        digits = sys.get_int_max_str_digits()
        problem = f"{shortened(text)}: a number must not have more than {digits:,} digits"
        raise ConfigError([problem]) from error
    if not override.key_or_group:
        raise ConfigError(
            [f"`{shortened(text)}` is not of the form key=value (the key is missing)"]
        )
    if reason := _value_problem(override.value()):
        raise ConfigError([f"{shortened(text)}: {reason}"])
    return override


def _limit_problem(text: str) -> str | None:
    """Explain which limit an override exceeds; None if it exceeds none."""
    if len(text) > MAX_LENGTH:
        return (
            f"{shortened(text)}: has {len(text):,} characters; at most {MAX_LENGTH:,} are allowed, "
            "and a file in conf/experiment may say the rest"
        )
    depth = deepest = 0
    for character in text:
        depth += (character in CLOSING) - (character in CLOSING.values())
        deepest = max(deepest, depth)
    if max(deepest, text.partition("=")[0].count(".")) > MAX_DEPTH:
        return f"{shortened(text)}: is nested more than {MAX_DEPTH} levels deep"
    return None


def _value_problem(value: Any) -> str | None:
    """Explain what is in a value that no configuration can contain."""
    for item in _items(value.list if isinstance(value, ChoiceSweep) else value):
        if item is None:
            return 'null is no key of a dictionary; write "null" for the word'
        if isinstance(item, Sweep | Glob):
            return "a sweep cannot be a part of a value; sweep over several whole values"
    return None


def _items(value: Any) -> Iterator[Any]:
    """Yield the keys of all dictionaries in a value, and all sweeps inside of it."""
    if isinstance(value, dict):
        yield from value
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        if isinstance(part, Sweep | Glob):
            yield part
        yield from _items(part)


def _syntax_problem(text: str, error: HydraException) -> str:
    """Explain why an override cannot be parsed, and advise to quote it if that helps."""
    key, equals, value = text.partition("=")
    shown, advice = shortened(text), ""
    call = re.search(r"while evaluating '(\w+)\(", str(error))
    if not equals:
        reason = "the `=` is missing"
    elif not _KEY.fullmatch(key):
        reason = (
            f"`{shortened(key)}` is no key; keys are words of the letters a to z, digits, `_` and "
            "`-`, joined by single dots"
        )
    elif call and call[1] in FORMS:
        return f"{shown}: {call[1]}() does not accept this; write {FORMS[call[1]]}"
    elif quote := _open_quote(value):
        reason = f"a closing {quote} is missing"
    else:
        reason = _value_reason(value, call and call[1], error)
        advice = _quoting(key, value)
    return f"`{shown}` is not of the form key=value ({reason}){advice}"


def _value_reason(value: str, function: str | None, error: HydraException) -> str:
    """Explain what is wrong in a value without open quotes."""
    if function:
        return f"no such function as {function}(); available: {', '.join(FORMS)}"
    if bracket := _unmatched(value):
        return bracket
    found = re.search(r"(?:at:|input) '(.+?)'(?: expecting|$)", str(error), re.DOTALL)
    token = found[1].strip() if found else ""
    if token == "<EOF>":
        return f"something has to follow `{value.strip()[-1:] or '='}`"
    return f"unexpected `{token}`" if token else "its value has special characters"


def _open_quote(value: str) -> str | None:
    """Return the quotation mark that opens a value and is not closed."""
    start = value.strip()[:1]
    return start if start in ("'", '"') and value.count(start) == 1 else None


def _unmatched(value: str) -> str | None:
    """Explain which bracket of a value has no partner; quoted parts do not count."""
    opened: list[str] = []
    for character in re.sub(r"""(["'])(?:(?!\1)[^\\]|\\.)*\1""", "", value, flags=re.DOTALL):
        if character in CLOSING:
            opened.append(character)
        elif character in CLOSING.values():
            if not opened:
                return f"`{character}` closes nothing"
            if CLOSING[opened[-1]] != character:
                return f"`{character}` does not close `{opened[-1]}`"
            opened.pop()
    return f"`{opened[-1]}` is not closed" if opened else None


def _quoting(key: str, value: str) -> str:
    """Advise to quote a value; empty if it is a list or an interpolation, or if that is no help."""
    quoted = f'{key}="{value}"'
    is_list = value.strip()[:1] in ("[", "{") or value.rstrip().endswith(",")
    if is_list or len(quoted) > MAX_VALUE or "'" in value or "${" in value:
        return ""
    try:
        override = OverridesParser.create().parse_override(quoted)
    except HydraException:
        return ""
    whole = isinstance(override._value, QuotedString) and override._value.text == value
    return f"; quote special characters twice: '{quoted}'" if whole else ""
