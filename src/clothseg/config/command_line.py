"""Check of a command line; all problems are collected into one error.

Hydra stops at the first error and does not check types. This module parses the overrides with
Hydra's own grammar, lets it compose the configurations, and checks every one of them with
:mod:`clothseg.config.validation`, without importing torch.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from pydantic import BaseModel

from clothseg.config.composition import Composed, Composer, Plain
from clothseg.config.consistency import contradictions
from clothseg.config.flags import HYDRA_GROUPS, LAUNCHER, SWEEPER, hydra_problem, is_hydra_key
from clothseg.config.override import (
    MAX_JOBS,
    number_of_values,
    option_problems,
    parse,
    sweep_problem,
    text_of,
    too_many,
    values_of,
)
from clothseg.config.query import query_overrides
from clothseg.config.run_config import DatasetConfig, RunConfig
from clothseg.config.schema import Config
from clothseg.config.search_space import (
    advice,
    bounding,
    chooses_search,
    one_at_a_time,
    range_problem,
)
from clothseg.config.settings import DatasetTask
from clothseg.config.suggestion import did_you_mean
from clothseg.config.validation import config_problems, plugin_problems
from clothseg.error import ConfigError
from clothseg.shipped import CONF

SINGLE = "several values for one key: this command accepts a single value"
"""Message about a sweep for the commands that have none."""

S = TypeVar("S", bound=BaseModel)


def check_command(
    overrides: Sequence[str], every_fold: bool = False, sweeps: bool = True
) -> list[Composed[RunConfig]]:
    """Compose and check all configurations of a training command.

    Args:
        overrides: arguments such as `model=fpn` or `optimizer.lr=1e-3,1e-4`.
        every_fold: add the other folds to a configuration whose fold is not chosen.
        sweeps: accept several values for one key.

    Returns:
        All configurations; for a search, those in which one key at a time has each value of its
        choice, or the bounds of its range.

    Raises:
        ConfigError: lists each problem of all configurations once.
    """
    single = "" if sweeps else "several values for one key require a sweep: add -m to the command"
    search = every_fold and chooses_search(overrides)
    composed = _check("config", overrides, Config, every_fold, single, search)
    return [one.with_config(RunConfig(one.config)) for one in composed]


def check_dataset(overrides: Sequence[str]) -> Composed[DatasetConfig]:
    """Compose and check the command line of `scripts/dataset.py`.

    Raises:
        ConfigError: lists each problem once.
    """
    (composed,) = _check("dataset", overrides, DatasetTask, single=SINGLE)
    return composed.with_config(DatasetConfig(composed.config))


def check_settings(overrides: Sequence[str], name: str, schema: type[S]) -> S:
    """Compose and check the settings of a command without a dataset of its own.

    Args:
        overrides: as for :func:`check_command`, without sweeps.
        name: main configuration, a file in `conf/`.
        schema: keys and types of the settings.

    Raises:
        ConfigError: lists each problem once.
    """
    (composed,) = _check(name, overrides, schema, single=SINGLE)
    return schema(**composed.config)


def _check(
    name: str,
    overrides: Sequence[str],
    schema: type[BaseModel],
    every_fold: bool = False,
    single: str = "",
    search: bool = False,
) -> list[Composed[Plain]]:
    """Compose and check all configurations of a command line.

    Args:
        name: main configuration, a file in `conf/`.
        overrides: as for :func:`check_command`.
        schema: keys and types.
        every_fold: as for :func:`check_command`.
        single: message, if a command accepts no sweeps; they are counted, never enumerated.
        search: a sweeper of `conf/hydra/sweeper` chooses the values.
    """
    problems: list[str] = []
    parsed = _parse(overrides, name, problems, search)
    tried = list(map(bounding, parsed.valid)) if search else parsed.valid
    jobs = (sum if search else math.prod)(map(number_of_values, tried))
    if jobs > 1 and single:
        raise ConfigError([*problems, single])
    if jobs > MAX_JOBS:
        raise ConfigError([*problems, too_many(jobs, "combinations of values")])
    composer = Composer(name, parsed.settings, every_fold, problems)
    groups = group_names(name)
    combine = one_at_a_time if search else itertools.product
    composed = composer.compose(tried, (*groups, *HYDRA_GROUPS), combine)
    skipped = tuple(f"{o.key_or_group}." for o in parsed.invalid)
    for one in composed:
        problems += [
            problem
            for problem in [
                *config_problems(one.config, schema, groups),
                *plugin_problems(one.launcher, "hydra.launcher"),
                *plugin_problems(one.sweeper, "hydra.sweeper"),
                *contradictions(one.config, one.choices),
            ]
            if not (skipped and problem.startswith(skipped))
        ]
    if problems:
        told = [advice(problem, parsed.valid) for problem in problems] if search else problems
        raise ConfigError(list(dict.fromkeys(told)))
    return composed


def check_query(overrides: Sequence[str]) -> list[str]:
    """Validate a command line that only prints a configuration, which may have missing values.

    Args:
        overrides: as for :func:`check_command`.

    Returns:
        The overrides in a form in which Hydra prints the configuration that a run would have.

    Raises:
        ConfigError: lists unknown options and keys, sweeps, and Hydra keys that must not be set.
    """
    problems: list[str] = []
    parsed = _parse(overrides, "config", problems)
    problems += [
        f"{o.input_line}: --cfg and --info show a single configuration; pass one value, without -m"
        for o in parsed.valid
        if o.is_sweep_override()
    ]
    groups, texts = (*group_names("config"), *HYDRA_GROUPS), []
    if not problems:
        composer = Composer("config", parsed.settings, False, problems)
        options = [str(o.input_line) for o in parsed.valid if o.key_or_group in groups]
        if base := composer.base(options):
            texts = query_overrides(base.config, parsed.valid, groups, problems)
    if problems:
        raise ConfigError(problems)
    return [*texts, *parsed.settings]


@dataclass(frozen=True)
class _Parsed:
    """Overrides of a command line, sorted by what they set.

    Args:
        valid: options of config groups and values of keys, in the order of the command line.
        invalid: options of config groups that do not exist, already reported.
        settings: settings of the launcher and the sweeper, in the form for Hydra.
    """

    valid: list[Override]
    invalid: list[Override]
    settings: list[str]


def _parse(
    overrides: Sequence[str], name: str, problems: list[str], search: bool = False
) -> _Parsed:
    """Parse overrides; append the problems of single overrides to `problems`."""
    names = (*group_names(name), *HYDRA_GROUPS)
    accepted = []
    for override in parse(overrides, problems):
        key = override.key_or_group
        if text := hydra_problem(key, str(override.input_line)):
            known = f"; {did_you_mean(key, HYDRA_GROUPS)}" if "/" in key else ""
            problems.append(text + known)
        elif text := _values_problem(override, key in names, search):
            problems.append(text)
        else:
            accepted.append(override)
    groups = [override for override in accepted if override.key_or_group in names]
    invalid = option_problems(groups, list_groups(name), problems)
    return _Parsed(
        valid=[o for o in accepted if o not in invalid and not o.key_or_group.startswith("hydra.")],
        invalid=invalid,
        settings=[
            _force(o) if search or o.key_or_group.startswith(LAUNCHER) else str(o.input_line)
            for o in accepted
            if o.key_or_group.startswith((LAUNCHER, SWEEPER))
        ],
    )


def _values_problem(override: Override, is_group: bool, search: bool) -> str | None:
    """Explain what is wrong with several values; those of a group are checked with its options."""
    if search:
        return range_problem(override, is_group)
    return None if is_group else sweep_problem(override, is_group=False)


def _force(override: Override) -> str:
    """Prefix an override with `++`, which Hydra accepts for any key; the schema rejects unknown."""
    text = str(override.input_line)
    return text if text[0] in "+~" else f"++{text}"


def constant_keys(overrides: Sequence[str]) -> list[str]:
    """Keys that are set to a single value, not swept over."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return [o.get_key_element().lstrip("+~") for o in parsed if not o.is_sweep_override()]


def hydra_overrides(overrides: Sequence[str]) -> list[str]:
    """Overrides of a validated command line in a form that Hydra accepts.

    Hydra composes a sweep once without the options that are swept over, and would reject keys that
    exist only in these options; `++` sets them nevertheless.
    """
    groups = group_names("config")
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


def top_level_keys(name: str) -> set[str]:
    """Groups and keys of a main configuration."""
    content = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    return {*content, *group_names(name)} - {"defaults", "hydra"}


def list_groups(name: str) -> list[str]:
    """Config groups that accept a list of options; their default is a list."""
    return [group for group, option in _group_defaults(name).items() if isinstance(option, list)]


@cache
def _group_defaults(name: str) -> dict[str, Any]:
    """Default option of each config group; a list for groups that accept several options."""
    defaults = yaml.safe_load((CONF / f"{name}.yaml").read_text()).get("defaults", [])
    pairs = [pair for entry in defaults if not isinstance(entry, str) for pair in entry.items()]
    return {str(key): option for key, option in pairs if not str(key).startswith("override ")}
