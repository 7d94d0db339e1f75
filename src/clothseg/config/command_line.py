"""Reads a command line before Hydra does, and collects every problem into one error.

Hydra stops at its first complaint and does not know types. This module parses the overrides with
Hydra's own grammar, composes what they choose, and checks every configuration of the sweep against
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
    read = _read(overrides, name, problems)
    composed = []
    for choice in itertools.product(*map(alternatives, read.groups)):
        composed += _compose(name, [*choice, *read.settings], read.values, problems)
    skipped = tuple(f"{o.key_or_group}." for o in read.broken)
    for job in composed:
        problems += [
            problem
            for problem in [
                *config_problems(job.config, shape, group_names(name)),
                *launcher_problems(job.launcher),
                *contradictions(job.config, job.choices),
            ]
            if not (skipped and problem.startswith(skipped))
        ]
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return composed


def check_query(overrides: Sequence[str], name: str = "config") -> None:
    """Require what Hydra needs for showing a configuration, which may lack values.

    Args:
        overrides: as for :func:`check_command`.
        name: the main configuration, a file of `conf/`.

    Raises:
        ConfigError: lists unknown options, sweeps, and keys of Hydra's that no command may set.
    """
    problems: list[str] = []
    read = _read(overrides, name, problems)
    problems += [
        f"{o.input_line}: one configuration is shown; choose one value, without -m"
        for o in (*read.groups, *read.values)
        if o.is_sweep_override()
    ]
    if problems:
        raise ConfigError(problems)


@dataclass(frozen=True)
class _Read:
    """A command line by what its overrides are for.

    Args:
        groups: choices of options that there are.
        broken: other choices, which have been told.
        values: of keys.
        settings: of the launcher and the sweeper, as Hydra takes them.
    """

    groups: list[Override]
    broken: list[Override]
    values: list[Override]
    settings: list[str]


def _read(overrides: Sequence[str], name: str, problems: list[str]) -> _Read:
    """Read overrides, and note what is wrong with each of them alone."""
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
    broken = option_problems(groups, list_groups(name), problems)
    return _Read(
        groups=[o for o in groups if o not in broken],
        broken=broken,
        values=[o for o in others if not is_hydra_key(o.key_or_group)],
        settings=[
            _forced(o) if o.key_or_group.startswith(LAUNCHER) else str(o.input_line)
            for o in others
            if o.key_or_group.startswith((LAUNCHER, SWEEPER))
        ],
    )


def _forced(override: Override) -> str:
    """An override in the form that Hydra takes for any key; a schema finds unknown ones."""
    text = str(override.input_line)
    return text if text[0] in "+~" else f"++{text}"


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
        key = override.key_or_group
        if key in groups and isinstance(override.value(), Glob):
            # Hydra's own glob() overlooks options in subfolders.
            options_of_sweep = ",".join(map(text_of, values_of(override)))
            texts.append(f"{override.get_key_element()}={options_of_sweep}")
        elif key in groups or (is_hydra_key(key) and not key.startswith(LAUNCHER)):
            texts.append(str(override.input_line))
        else:
            texts.append(_forced(override))
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


def _compose(
    name: str, choice: Sequence[str], values: Sequence[Override], problems: list[str]
) -> list[Composed]:
    """The configurations of one choice of options: one for each combination of swept values."""
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            whole = compose(name, list(choice), return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as error:
        problems.append(first_line(error))
        return []
    choices = {k: v for k, v in whole.hydra.runtime.choices.items() if "/" not in k and v}
    base = OmegaConf.masked_copy(whole, [str(key) for key in whole if key != "hydra"])
    launcher = _resolved(whole.hydra.launcher, problems) or {}
    composed = []
    for combination in itertools.product(*map(values_of, values)):
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
        problems += _told_by_resolver(error) or [f"{error.full_key}: {first_line(error)}"]
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
