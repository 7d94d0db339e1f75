"""Reads a command line before Hydra does, and collects every problem into one error.

Hydra stops at its first complaint and does not know types. This module parses the overrides with
Hydra's own grammar, composes what they choose, and checks every configuration of the sweep against
:mod:`clothseg.validation`, without importing torch.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import InterpolationToMissingValueError, OmegaConfBaseException
from pydantic import BaseModel

from clothseg.contradictions import contradictions
from clothseg.error import ConfigError
from clothseg.label_file import label_file_part
from clothseg.schema import Config
from clothseg.trust import CONF, HYDRA_GROUPS, hydra_problem, of_hydra, options
from clothseg.validation import config_problems, did_you_mean, launcher_problems

OmegaConf.register_new_resolver("labels_json", label_file_part, replace=True)


@dataclass(frozen=True)
class Composed:
    """One configuration of a command line.

    Args:
        config: plain containers, interpolations resolved.
        choices: the chosen option of each group.
        launcher: where the jobs of a sweep are done, a node of `conf/hydra/launcher`.
    """

    config: dict[str, Any]
    choices: dict[str, str]
    launcher: dict[str, Any]


def check_command(
    overrides: Sequence[str], name: str = "config", shape: type[BaseModel] = Config
) -> list[Composed]:
    """Every configuration that a command line asks for, checked.

    Args:
        overrides: arguments such as `model=fpn` or `optimizer.lr=1e-3,1e-4`.
        name: the main configuration, a file of `conf/`.
        shape: what its keys and types are.

    Raises:
        ConfigError: lists every problem of every configuration once.
    """
    problems: list[str] = []
    parsed = _parse(overrides, problems)
    names = group_names(name)
    groups = [o for o in parsed if o.key_or_group in (*names, *HYDRA_GROUPS)]
    values = [o for o in parsed if o not in groups and not of_hydra(o.key_or_group)]
    problems += [text for o in parsed if (text := hydra_problem(o.key_or_group, str(o.input_line)))]
    settings = [o.input_line or "" for o in parsed if o.key_or_group.startswith("hydra.launcher.")]
    broken = _option_problems(groups, list_groups(name), problems)
    composed = []
    for choice in itertools.product(*map(_alternatives, [g for g in groups if g not in broken])):
        composed += _compose(name, [*choice, *settings], values, problems)
    skipped = tuple(f"{o.key_or_group}." for o in broken)
    for job in composed:
        problems += [
            problem
            for problem in [
                *config_problems(job.config, shape),
                *launcher_problems(job.launcher),
                *contradictions(job.config, job.choices),
            ]
            if not (skipped and problem.startswith(skipped))
        ]
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return composed


def _parse(overrides: Sequence[str], problems: list[str]) -> list[Override]:
    parser = OverridesParser.create()
    parsed = []
    for text in overrides:
        try:
            parsed.append(parser.parse_override(text))
        except HydraException as error:
            reason = str(error).splitlines()[0]
            quoted = text.replace("=", '="', 1) + '"'
            advice = f"; a text with other signs is quoted twice: '{quoted}'" if "=" in text else ""
            problems.append(f"`{text}` is not of the form key=value ({reason}){advice}")
    return parsed


def constant_keys(overrides: Sequence[str]) -> list[str]:
    """Keys of the overrides that give one value, not several to sweep over."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return [o.get_key_element().lstrip("+~") for o in parsed if not o.is_sweep_override()]


def settled(overrides: Sequence[str], name: str = "config") -> list[str]:
    """Overrides of a command line that was checked, in a form that fits whatever groups choose.

    Hydra composes a sweep once without the options that are swept over, and would refuse keys that
    only these have; `++` sets them all the same.
    """
    groups = group_names(name)
    texts = []
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        text = str(override.input_line)
        elsewhere = (
            override.key_or_group in groups or of_hydra(override.key_or_group) or text[0] in "+~"
        )
        texts.append(text if elsewhere else f"++{text}")
    return texts


def group_names(name: str) -> list[str]:
    """Config groups in the defaults list of a main configuration."""
    return list(_group_defaults(name))


def list_groups(name: str) -> list[str]:
    """Config groups that take several options at once, as their default does."""
    return [group for group, option in _group_defaults(name).items() if isinstance(option, list)]


def _group_defaults(name: str) -> dict[str, Any]:
    """Default option of each config group; a list for one that takes several at once."""
    defaults = yaml.safe_load((CONF / f"{name}.yaml").read_text()).get("defaults", [])
    pairs = [pair for entry in defaults if not isinstance(entry, str) for pair in entry.items()]
    return {str(key): option for key, option in pairs if not str(key).startswith("override ")}


def _option_problems(
    groups: Sequence[Override], lists: Sequence[str], problems: list[str]
) -> list[Override]:
    """Note unknown options; returns the overrides that have one."""
    broken = []
    for override in groups:
        group = override.key_or_group
        if group == "hydra/sweeper":  # one that Hydra brings or that a person has installed
            continue
        if group in lists:
            found = _list_problems(group, override)
        else:
            known = options(group)
            values = [] if override.is_delete() else _values(override)
            unknown = ["null" if v is None else str(v) for v in values if v not in known]
            found = [f"{group}={o}: no such option; {did_you_mean(o, known)}" for o in unknown]
        problems += found
        if found:
            broken.append(override)
    return broken


def _list_problems(group: str, override: Override) -> list[str]:
    """What is wrong with the choice for a group that takes several options at once."""
    known = options(group)
    if override.is_sweep_override():
        # Such a group changes no result, so the jobs of a sweep over it would be one and the same.
        several = ",".join(map(str, _values(override)))
        return [f"{group}={several}: a sweep over {group}; '{group}=[{several}]' takes all at once"]
    value = _values(override)[0]
    chosen = [_text(option) for option in (value if isinstance(value, list) else [value])]
    text = f"{group}={_text(value)}"
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


def _alternatives(override: Override) -> list[str]:
    """The override once for each value that it sweeps over."""
    prefix = (override.input_line or "").split("=")[0]
    return [f"{prefix}={_text(value)}" for value in _values(override)]


def _text(value: Any) -> str:
    """A chosen option, or several, in Hydra's grammar."""
    if isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    return "null" if value is None else str(value)


def _values(override: Override) -> list[Any]:
    """Every value that an override gives its key: one, or those of its sweep."""
    if override.is_delete():
        return [None]
    if not override.is_sweep_override():
        return [_plain(override.value())]
    parser = OverridesParser.create()
    texts = override.sweep_string_iterator()
    return [_plain(parser.parse_override(f"key={text}").value()) for text in texts]


def _plain(value: Any) -> Any:
    """A value of Hydra's grammar as a plain Python value."""
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return value


def _compose(
    name: str, choice: Sequence[str], values: Sequence[Override], problems: list[str]
) -> list[Composed]:
    """The configurations of one choice of options: one for each combination of swept values."""
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            whole = compose(name, list(choice), return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as error:
        problems.append(str(error).splitlines()[0])
        return []
    choices = {k: v for k, v in whole.hydra.runtime.choices.items() if "/" not in k and v}
    base = OmegaConf.masked_copy(whole, [str(key) for key in whole if key != "hydra"])
    launcher = _resolved(whole.hydra.launcher, problems) or {}
    composed = []
    for combination in itertools.product(*map(_values, values)):
        config = base.copy()
        for override, value in zip(values, combination, strict=True):
            _apply(config, override, value)
        plain = _resolved(config, problems)
        if plain is not None:
            composed.append(Composed(plain, choices, launcher))
    return composed


def _apply(config: DictConfig, override: Override, value: Any) -> None:
    """Set a value as Hydra would, also under keys that do not exist: the schema finds those."""
    key = override.get_key_element().lstrip("+~")
    with open_dict(config):
        if override.is_delete():
            parent, _, last = key.rpartition(".")
            node = OmegaConf.select(config, parent) if parent else config
            if isinstance(node, DictConfig):
                node.pop(last, None)
        else:
            OmegaConf.update(config, key, value, force_add=True)


def plain_config(config: DictConfig) -> dict[str, Any]:
    """A configuration as plain containers, interpolations resolved."""
    return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]


def _resolved(config: DictConfig, problems: list[str]) -> dict[str, Any] | None:
    missing = _missing_keys(OmegaConf.to_container(config))
    problems += [f"{key} has no default: add {key}=<value> to the command" for key in missing]
    try:
        return plain_config(config)
    except InterpolationToMissingValueError:  # which has been told
        return None
    except OmegaConfBaseException as error:
        problems += _told_by_resolver(error) or [f"{error.full_key}: {str(error).splitlines()[0]}"]
        return None


def _missing_keys(node: Any, path: str = "") -> list[str]:
    """Keys without a value; OmegaConf's own function stops where one refers to another."""
    if isinstance(node, dict):
        below = [(f"{path}.{key}" if path else str(key), value) for key, value in node.items()]
        return sorted(key for place, value in below for key in _missing_keys(value, place))
    return [path] if node == "???" else []


def _told_by_resolver(error: BaseException | None) -> list[str]:
    """Problems that a resolver of ours found; OmegaConf wraps its error."""
    while error is not None and not isinstance(error, ConfigError):
        error = error.__context__
    return [] if error is None else error.problems
