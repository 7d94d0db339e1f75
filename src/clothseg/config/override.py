"""Parsing of single command-line overrides in Hydra's grammar, with their values and problems."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, QuotedString, RangeSweep

from clothseg.config.flags import SWEEPERS, is_hydra_key
from clothseg.config.grammar import parse_override
from clothseg.config.renamed import OPTIONS
from clothseg.config.suggestion import did_you_mean
from clothseg.error import ConfigError, shortened
from clothseg.shipped import options

MAX_JOBS = 10_000
"""Maximum number of jobs of a command, which nobody reaches on purpose."""
MAX_REFERENCES = 16
"""Maximum number of `${...}` in a command. If each value repeats the one before three times, the
last repeats the first 243 times; with any number of them, it would not end."""
ENDLESS = 1e12
"""Number of values from which a message does not state it."""


def parse(overrides: Sequence[str], problems: list[str]) -> list[Override]:
    """Parse overrides; append a message to `problems` for each one that cannot be parsed."""
    parsed: list[Override] = []
    references = sum(text.count("${") for text in overrides)
    if references > MAX_REFERENCES:
        problems.append(
            f"`${{` occurs {references:,} times; at most {MAX_REFERENCES} are allowed, because "
            "values that repeat others grow exponentially"
        )
        return parsed
    for text in overrides:
        if home := re.search(r"""=["']?~(/[^"']*)?["']?$""", text):
            advice = f"{text[: home.start()]}=$HOME{home[1] or ''}"
            problems.append(f"{text}: `~` is not expanded after `=`; write {advice}")
            continue
        try:
            override = parse_override(text)
        except ConfigError as error:
            problems += error.problems
            continue
        if override.is_delete() and not isinstance(override.value(), str | None):
            key = override.get_key_element()
            problems.append(f"{text}: removes a key, which has no value; write {key}")
        else:
            parsed.append(override)
    return parsed


def sweep_problem(override: Override, is_group: bool) -> str | None:
    """Error message for an invalid sweep; None if the sweep is valid or there is no sweep.

    Args:
        override: a parsed override.
        is_group: whether its key is a config group of the command.
    """
    if not override.is_sweep_override():
        return None
    known = options(override.key_or_group) if is_group else []
    shown = shortened(str(override.input_line))
    if is_hydra_key(override.key_or_group):
        reason = "this setting applies to the entire sweep; pass a single value"
    elif override.is_interval_sweep():
        reason = (
            "interval() cannot be enumerated; use choice() or range(), or search it with "
            "hydra/sweeper=random or optuna"
        )
    elif isinstance(override.value(), Glob) and not known:
        reason = "glob() selects options of a group; use choice() or range()"
    else:
        try:
            number = number_of_values(override)
        except ArithmeticError:
            reason = "invalid range; its limits and its step must be numbers"
        except ValueError:
            reason = "invalid range; the step must not be 0"
        else:
            if number > MAX_JOBS:
                return f"{shown}: {too_many(number)}"
            if number:
                return None
            reason = f"matches no value{'; available: ' if known else ''}{', '.join(known)}"
    return f"{shown}: {reason}"


def number_of_values(override: Override) -> float:
    """Number of values that an override assigns to its key, without enumerating them.

    Raises:
        ValueError: a range has a step of 0.
        ArithmeticError: a limit or the step of a range is not a number.
    """
    value = override.value()
    if isinstance(value, ChoiceSweep):
        return len(value.list)
    if not isinstance(value, RangeSweep):
        return len(values_of(override))
    start, stop, step = (Decimal(limit or 0) for limit in (value.start, value.stop, value.step))
    if step == 0:
        raise ValueError
    if not (start < stop if step > 0 else start > stop):
        return 0
    number = (stop - start) / step
    return max(1, math.ceil(number)) if number < MAX_JOBS else float(number)


def too_many(number: float, things: str = "values") -> str:
    """Message for a sweep with too many values or jobs."""
    many = f"{number:,.0f}" if number < ENDLESS else "more than a trillion"
    return (
        f"{many if math.isfinite(number) else 'endlessly many'} {things}, but a command has at "
        f"most {MAX_JOBS:,} jobs; choose fewer values, or split the sweep into several commands"
    )


def option_problems(
    groups: Sequence[Override], lists: Sequence[str], problems: list[str]
) -> list[Override]:
    """Append unknown options to `problems`; return the overrides that contain one."""
    invalid = []
    for override in groups:
        group = override.key_or_group
        problem = sweep_problem(override, is_group=True)
        if problem:
            found = [problem]
        elif group == SWEEPERS and values_of(override) != [None]:
            # A sweeper from Hydra or from an installed plugin; Hydra knows which there are.
            found = [
                f"{group}={text_of(value)}: must be the name of a sweeper, such as basic"
                for value in values_of(override)
                if not isinstance(value, str)
            ]
        elif group in lists:
            found = _list_problems(group, override)
        else:
            known = options(group)
            values = [] if override.is_delete() and not is_hydra_key(group) else values_of(override)
            unknown = ["null" if v is None else str(v) for v in values if v not in known]
            found = [f"{group}={o}: {_no_such_option(group, o, known)}" for o in unknown]
        problems += found
        if found:
            invalid.append(override)
    return invalid


def _no_such_option(group: str, option: str, known: Sequence[str]) -> str:
    """Message for an unknown option: its new name, or the closest match."""
    new = OPTIONS.get(group, {}).get(option)
    return (
        f"this option has been renamed to {new}"
        if new
        else (f"no such option; {did_you_mean(option, known)}")
    )


def _list_problems(group: str, override: Override) -> list[str]:
    """Problems of the options selected for a group that accepts several."""
    known = options(group)
    if override.is_sweep_override():
        # Such a group does not affect results, so all jobs of a sweep over it would be identical.
        several = ",".join(map(str, values_of(override)))
        return [
            f"{group}={several}: {group} cannot be swept over; '{group}=[{several}]' selects all"
        ]
    value = values_of(override)[0]
    selected = [text_of(option) for option in (value if isinstance(value, list) else [value])]
    text = f"{group}={text_of(value)}"
    problems = [
        f"{text}: no such option: {option}; {did_you_mean(option, known)}"
        for option in dict.fromkeys(selected)
        if option not in known
    ]
    repeated = sorted({option for option in selected if selected.count(option) > 1})
    problems += [f"{text}: {option} is listed more than once" for option in repeated]
    if "none" in selected and len(selected) > 1:
        problems.append(f"{text}: none cannot be combined with other options")
    return problems


def values_of(override: Override) -> list[Any]:
    """Values that an override assigns to its key: one, or all values of its sweep."""
    if override.is_delete():
        return [None]
    value = override.value()
    if isinstance(value, Glob):
        return value.filter(options(override.key_or_group))
    if not override.is_sweep_override():
        return [_plain(value)]
    return _values(override.sweep_string_iterator())


def _values(texts: Iterable[str]) -> list[Any]:
    """Plain values that stand behind the `=` of an override."""
    parser = OverridesParser.create()
    return [_plain(parser.parse_override(f"key={text}").value()) for text in texts]


@dataclass(frozen=True)
class Variant:
    """One of the values that an override assigns to its key.

    Args:
        key: the key or the group, without `+` and `~`.
        value: plain value; for an option of a group, its name.
        text: override with this value only.
        is_option: whether the key is a config group.
        is_swept: whether the override has several values.
        is_deletion: whether the override removes its key.
    """

    key: str
    value: Any
    text: str
    is_option: bool
    is_swept: bool
    is_deletion: bool


def variants(override: Override, is_option: bool) -> list[Variant]:
    """Expand an override into one variant for each value.

    Args:
        override: a valid override.
        is_option: whether its key is a config group.
    """
    element, swept = override.get_key_element(), override.is_sweep_override()
    if is_option and not override.is_delete():
        values = values_of(override)
        texts = [f"{element}={text_of(value)}" for value in values]
    elif swept:
        listed = list(override.sweep_string_iterator())  # once: shuffle() has another order then
        values, texts = _values(listed), [f"{element}={text}" for text in listed]
    else:
        values, texts = values_of(override), [str(override.input_line)]
    return [
        Variant(
            key=element.lstrip("+~"),
            value=value,
            text=text if is_option else text.removeprefix("++"),
            is_option=is_option,
            is_swept=swept,
            is_deletion=override.is_delete(),
        )
        for value, text in zip(values, texts, strict=True)
    ]


def text_of(value: Any) -> str:
    """Format an option or a list of options in Hydra's grammar."""
    if isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    return "null" if value is None else str(value)


def _plain(value: Any) -> Any:
    """Convert a value of Hydra's grammar to a plain Python value."""
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return value
