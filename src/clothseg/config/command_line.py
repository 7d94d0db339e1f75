"""Validation of a command line before Hydra runs; all problems are collected into one error.

Hydra stops at the first error and does not check types. This module parses the overrides with
Hydra's own grammar, composes the configurations, and checks every configuration of the sweep with
:mod:`clothseg.config.validation`, without importing torch.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import InterpolationToMissingValueError, OmegaConfBaseException
from pydantic import BaseModel

from clothseg.config.consistency import contradictions
from clothseg.config.flags import HYDRA_GROUPS, LAUNCHER, SWEEPER, hydra_problem, is_hydra_key
from clothseg.config.override import (
    alternatives,
    option_problems,
    parse,
    sweep_problem,
    text_of,
    values_of,
)
from clothseg.config.schema import Config
from clothseg.config.validation import config_problems, did_you_mean, launcher_problems
from clothseg.error import ConfigError, first_line
from clothseg.label_file import label_file_part
from clothseg.shipped import CONF

OmegaConf.register_new_resolver("labels_json", label_file_part, replace=True)


@dataclass(frozen=True)
class Composed:
    """One configuration of a command line.

    Args:
        config: plain containers, interpolations resolved.
        choices: the selected option of each group.
        launcher: settings of the launcher that runs a sweep's jobs, see `conf/hydra/launcher`.
    """

    config: dict[str, Any]
    choices: dict[str, str]
    launcher: dict[str, Any]


def check_command(
    overrides: Sequence[str], name: str = "config", schema: type[BaseModel] = Config
) -> list[Composed]:
    """Compose and validate all configurations of a command line.

    Args:
        overrides: arguments such as `model=fpn` or `optimizer.lr=1e-3,1e-4`.
        name: main configuration, a file in `conf/`.
        schema: keys and types of the main configuration.

    Raises:
        ConfigError: lists each problem of all configurations once.
    """
    problems: list[str] = []
    parsed = _parse(overrides, name, problems)
    composed = []
    for choice in itertools.product(*map(alternatives, parsed.groups)):
        composed += _compose(name, [*choice, *parsed.settings], parsed.values, problems)
    skipped = tuple(f"{o.key_or_group}." for o in parsed.invalid)
    for job in composed:
        problems += [
            problem
            for problem in [
                *config_problems(job.config, schema, group_names(name)),
                *launcher_problems(job.launcher),
                *contradictions(job.config, job.choices),
            ]
            if not (skipped and problem.startswith(skipped))
        ]
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return composed


def check_query(overrides: Sequence[str], name: str = "config") -> None:
    """Validate a command line that only prints a configuration, which may have missing values.

    Args:
        overrides: as for :func:`check_command`.
        name: main configuration, a file in `conf/`.

    Raises:
        ConfigError: lists unknown options, sweeps, and Hydra keys that must not be set.
    """
    problems: list[str] = []
    parsed = _parse(overrides, name, problems)
    problems += [
        f"{o.input_line}: --cfg and --info show a single configuration; pass one value, without -m"
        for o in (*parsed.groups, *parsed.values)
        if o.is_sweep_override()
    ]
    if problems:
        raise ConfigError(problems)


@dataclass(frozen=True)
class _Parsed:
    """Overrides of a command line, sorted by what they set.

    Args:
        groups: valid options of config groups.
        invalid: options of config groups that do not exist, already reported.
        values: values of keys.
        settings: settings of the launcher and the sweeper, in the form for Hydra.
    """

    groups: list[Override]
    invalid: list[Override]
    values: list[Override]
    settings: list[str]


def _parse(overrides: Sequence[str], name: str, problems: list[str]) -> _Parsed:
    """Parse overrides; append the problems of single overrides to `problems`."""
    names = (*group_names(name), *HYDRA_GROUPS)
    groups, others = [], []
    for override in parse(overrides, problems):
        key = override.key_or_group
        if text := hydra_problem(key, str(override.input_line)):
            known = f"; {did_you_mean(key, HYDRA_GROUPS)}" if "/" in key else ""
            problems.append(text + known)
        elif key in names:
            groups.append(override)
        elif text := sweep_problem(override):
            problems.append(text)
        else:
            others.append(override)
    invalid = option_problems(groups, list_groups(name), problems)
    return _Parsed(
        groups=[o for o in groups if o not in invalid],
        invalid=invalid,
        values=[o for o in others if not is_hydra_key(o.key_or_group)],
        settings=[
            _force(o) if o.key_or_group.startswith(LAUNCHER) else str(o.input_line)
            for o in others
            if o.key_or_group.startswith((LAUNCHER, SWEEPER))
        ],
    )


def _force(override: Override) -> str:
    """Prefix an override with `++`, which Hydra accepts for any key; the schema rejects unknown."""
    text = str(override.input_line)
    return text if text[0] in "+~" else f"++{text}"


def constant_keys(overrides: Sequence[str]) -> list[str]:
    """Keys that are set to a single value, not swept over."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return [o.get_key_element().lstrip("+~") for o in parsed if not o.is_sweep_override()]


def hydra_overrides(overrides: Sequence[str], name: str = "config") -> list[str]:
    """Overrides of a validated command line in a form that Hydra accepts.

    Hydra composes a sweep once without the options that are swept over, and would reject keys that
    exist only in these options; `++` sets them nevertheless.
    """
    groups = group_names(name)
    texts = []
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key = override.key_or_group
        if key in groups and isinstance(override.value(), Glob):
            # Hydra's own glob() misses options in subfolders.
            options_of_sweep = ",".join(map(text_of, values_of(override)))
            texts.append(f"{override.get_key_element()}={options_of_sweep}")
        elif key in groups or (is_hydra_key(key) and not key.startswith(LAUNCHER)):
            texts.append(str(override.input_line))
        else:
            texts.append(_force(override))
    return texts


def group_names(name: str) -> list[str]:
    """Config groups in the defaults list of a main configuration."""
    return list(_group_defaults(name))


def list_groups(name: str) -> list[str]:
    """Config groups that accept a list of options; their default is a list."""
    return [group for group, option in _group_defaults(name).items() if isinstance(option, list)]


def _group_defaults(name: str) -> dict[str, Any]:
    """Default option of each config group; a list for groups that accept several options."""
    defaults = yaml.safe_load((CONF / f"{name}.yaml").read_text()).get("defaults", [])
    pairs = [pair for entry in defaults if not isinstance(entry, str) for pair in entry.items()]
    return {str(key): option for key, option in pairs if not str(key).startswith("override ")}


def _compose(
    name: str, choice: Sequence[str], values: Sequence[Override], problems: list[str]
) -> list[Composed]:
    """Compose one configuration for each combination of swept values, for one choice of options."""
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            full = compose(name, list(choice), return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as error:
        problems.append(first_line(error))
        return []
    choices = {k: v for k, v in full.hydra.runtime.choices.items() if "/" not in k and v}
    base = OmegaConf.masked_copy(full, [str(key) for key in full if key != "hydra"])
    launcher = _resolve(full.hydra.launcher, problems) or {}
    composed = []
    for combination in itertools.product(*map(values_of, values)):
        config = base.copy()
        for override, value in zip(values, combination, strict=True):
            _apply(config, override, value)
        plain = _resolve(config, problems)
        if plain is not None:
            composed.append(Composed(plain, choices, launcher))
    return composed


def _apply(config: DictConfig, override: Override, value: Any) -> None:
    """Set a value as Hydra would, even for unknown keys: the schema rejects these later."""
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
    """Convert a configuration to plain containers, interpolations resolved."""
    return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]


def _resolve(config: DictConfig, problems: list[str]) -> dict[str, Any] | None:
    """Resolve to plain containers; append problems and return None if that fails."""
    missing = _missing_keys(OmegaConf.to_container(config))
    problems += [f"{key} is required: add {key}=<value> to the command" for key in missing]
    try:
        return plain_config(config)
    except InterpolationToMissingValueError:  # already reported
        return None
    except OmegaConfBaseException as error:
        problems += _resolver_problems(error) or [f"{error.full_key}: {first_line(error)}"]
        return None


def _missing_keys(node: Any, path: str = "") -> list[str]:
    """Keys without a value; OmegaConf's own function fails on references between them."""
    if isinstance(node, dict):
        children = [(f"{path}.{key}" if path else str(key), value) for key, value in node.items()]
        return sorted(key for child, value in children for key in _missing_keys(value, child))
    return [path] if node == "???" else []


def _resolver_problems(error: BaseException | None) -> list[str]:
    """Problems raised by one of our resolvers; OmegaConf wraps the error."""
    while error is not None and not isinstance(error, ConfigError):
        error = error.__context__
    return [] if error is None else error.problems
