"""Single overrides of a command line in Hydra's grammar: their values, and what is wrong alone."""

import re
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, QuotedString
from hydra.errors import HydraException

from clothseg.config.flags import is_hydra_key
from clothseg.config.renamed import OPTIONS
from clothseg.config.validation import did_you_mean
from clothseg.error import first_line
from clothseg.shipped import options


def parse(overrides: Sequence[str], problems: list[str]) -> list[Override]:
    """Overrides that can be read; what is wrong with the others is added to the problems."""
    parser = OverridesParser.create()
    parsed = []
    for text in overrides:
        if home := re.search(r"""=["']?~(/[^"']*)?["']?$""", text):
            advice = f"{text[: home.start()]}=$HOME{home[1] or ''}"
            problems.append(f"{text}: nothing expands a `~` after `=`; write {advice}")
            continue
        try:
            parsed.append(parser.parse_override(text))
        except HydraException as error:
            reason = first_line(error)
            quoted = text.replace("=", '="', 1) + '"'
            advice = f"; a text with other signs is quoted twice: '{quoted}'" if "=" in text else ""
            problems.append(f"`{text}` is not of the form key=value ({reason}){advice}")
    return parsed


def sweep_problem(override: Override) -> str | None:
    """Why an override cannot be swept over; None where it can, or is no sweep."""
    if not override.is_sweep_override():
        return None
    known = options(override.key_or_group)
    if is_hydra_key(override.key_or_group):
        reason = "a sweep as a whole has one such setting; choose one value"
    elif override.is_interval_sweep():
        reason = "interval() cannot be enumerated; use choice() or range()"
    elif isinstance(override.value(), Glob) and not known:
        reason = "glob() chooses options of a group; use choice() or range()"
    else:
        try:
            if values_of(override):
                return None
            reason = f"no value at all{'; There are: ' if known else ''}{', '.join(known)}"
        except (HydraException, ValueError):  # what Hydra and Python say to a step of 0
            reason = "no such range"
    return f"{override.input_line}: {reason}"


def option_problems(
    groups: Sequence[Override], lists: Sequence[str], problems: list[str]
) -> list[Override]:
    """Note unknown options; returns the overrides that have one."""
    broken = []
    for override in groups:
        group = override.key_or_group
        unfit = sweep_problem(override)
        if unfit:
            found = [unfit]
        elif group == "hydra/sweeper" and values_of(override) != [None]:
            continue  # one that Hydra brings or that a person has installed
        elif group in lists:
            found = _list_problems(group, override)
        else:
            known = options(group)
            values = [] if override.is_delete() and not is_hydra_key(group) else values_of(override)
            unknown = ["null" if v is None else str(v) for v in values if v not in known]
            found = [f"{group}={o}: {_no_such_option(group, o, known)}" for o in unknown]
        problems += found
        if found:
            broken.append(override)
    return broken


def _no_such_option(group: str, option: str, known: Sequence[str]) -> str:
    """The answer to an unknown option: its new name, or the closest match."""
    new = OPTIONS.get(group, {}).get(option)
    return (
        f"this option is called {new} now"
        if new
        else (f"no such option; {did_you_mean(option, known)}")
    )


def _list_problems(group: str, override: Override) -> list[str]:
    """What is wrong with the choice for a group that takes several options at once."""
    known = options(group)
    if override.is_sweep_override():
        # Such a group changes no result, so the jobs of a sweep over it would be one and the same.
        several = ",".join(map(str, values_of(override)))
        return [f"{group}={several}: a sweep over {group}; '{group}=[{several}]' takes all at once"]
    value = values_of(override)[0]
    chosen = [text_of(option) for option in (value if isinstance(value, list) else [value])]
    text = f"{group}={text_of(value)}"
    problems = [
        f"{text}: no such option as {option}; {did_you_mean(option, known)}"
        for option in dict.fromkeys(chosen)
        if option not in known
    ]
    twice = sorted({option for option in chosen if chosen.count(option) > 1})
    problems += [f"{text}: {option} is there twice" for option in twice]
    if "none" in chosen and len(chosen) > 1:
        problems.append(f"{text}: none stands alone")
    return problems


def values_of(override: Override) -> list[Any]:
    """Every value that an override gives its key: one, or those of its sweep."""
    if override.is_delete():
        return [None]
    value = override.value()
    if isinstance(value, Glob):
        return value.filter(options(override.key_or_group))
    if not override.is_sweep_override():
        return [_plain(value)]
    parser = OverridesParser.create()
    texts = override.sweep_string_iterator()
    return [_plain(parser.parse_override(f"key={text}").value()) for text in texts]


def alternatives(override: Override) -> list[str]:
    """The override once for each value that it sweeps over."""
    prefix = (override.input_line or "").split("=")[0]
    return [f"{prefix}={text_of(value)}" for value in values_of(override)]


def text_of(value: Any) -> str:
    """A chosen option, or several, in Hydra's grammar."""
    if isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    return "null" if value is None else str(value)


def _plain(value: Any) -> Any:
    """A value of Hydra's grammar as a plain Python value."""
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return value
