"""Reads a command line before Hydra does, and collects every problem into one error.

Hydra stops at its first complaint and does not know types. This module parses the overrides with
Hydra's own grammar, composes what they choose, and checks every configuration of the sweep against
:mod:`clothseg.schema`, without importing torch.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel

from clothseg.error import ConfigError
from clothseg.labels import LabelSpace
from clothseg.machine import batch_problem
from clothseg.model.compatibility import pair_problem
from clothseg.schema import Config, config_problems, did_you_mean, launcher_problems
from clothseg.trust import CONF, options


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
    groups = [o for o in parsed if o.key_or_group in names or o.key_or_group.startswith("hydra/")]
    values = [o for o in parsed if o not in groups and not o.key_or_group.startswith("hydra.")]
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
                *_contradictions(job),
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
            problems.append(f"`{text}` is not of the form key=value ({str(error).splitlines()[0]})")
    return parsed


def constant_keys(overrides: Sequence[str]) -> list[str]:
    """Keys of the overrides that give one value, not several to sweep over."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return [o.get_key_element().lstrip("+~") for o in parsed if not o.is_sweep_override()]


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
        if group.startswith("hydra/") and group != "hydra/launcher":
            continue
        if group in lists:
            found = _list_problems(group, override)
        else:
            known = options(group)
            unknown = [o for o in map(str, _values(override)) if o not in known and o != "None"]
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


def _resolved(config: DictConfig, problems: list[str]) -> dict[str, Any] | None:
    missing = sorted(OmegaConf.missing_keys(config))
    problems += [f"{key} has no default: add {key}=<value> to the command" for key in missing]
    try:
        return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        problems.append(str(error).splitlines()[0])
        return None


def _contradictions(job: Composed) -> list[str]:
    """Parts of one configuration that are right alone and wrong together."""
    problems = []
    split, choices = job.config.get("split", {}), job.choices
    fold, folds = split.get("fold"), split.get("folds")
    if isinstance(fold, int) and isinstance(folds, int) and fold >= folds:
        problems.append(f"split.fold={fold}: there are {folds} folds, numbered 0 to {folds - 1}")
    problems += _device_contradictions(job.config)
    if {"model", "backbone"} <= choices.keys():
        pair = choices["model"], choices["backbone"]
        problem = pair_problem(*pair, options("model"), options("backbone"))
        problems += [problem] if problem else []
    for group in ("callbacks", "logger"):
        problems += _unchosen(group, job.config.get(group))
    problems += _label_contradictions(job.config)
    return problems


def _device_contradictions(config: Mapping[str, Any]) -> list[str]:
    """What keeps a batch from being shared, and what needs a GPU."""
    trainer, data = config.get("trainer", {}), config.get("data", {})
    devices, accumulate = trainer.get("devices"), trainer.get("accumulate")
    batch_size, problems = data.get("batch_size"), []
    # How many devices there are when none are named is known only where the job is done.
    if all(isinstance(n, int) and n > 0 for n in (devices, accumulate, batch_size)):
        problems += [batch_problem(batch_size, devices, accumulate)]
    if trainer.get("accelerator") == "cpu":
        if trainer.get("sync_batchnorm") is True:
            problems += ["trainer.sync_batchnorm=true: PyTorch offers it on CUDA GPUs only"]
        if trainer.get("precision") == 16:
            problems += ["trainer.precision=16: the CPU has no such arithmetic; allowed: 32, bf16"]
    return [problem for problem in problems if problem]


def _unchosen(group: str, parts: Any) -> list[str]:
    """Parts of a group whose keys are set although no file of the group brings them."""
    nodes = parts if isinstance(parts, Mapping) else {}
    known = {name for name, node in nodes.items() if isinstance(node, Mapping)}
    chosen = sorted(name for name in known if "_target_" in nodes[name])
    return [
        f"{group}.{name}: {name} is not chosen; {group} has {', '.join(chosen) or 'nothing'}"
        for name in sorted(known.difference(chosen))
    ]


def _label_contradictions(config: Mapping[str, Any]) -> list[str]:
    """What keeps a label space from taking in the dataset's names."""
    names = config.get("dataset", {}).get("names") or []
    try:
        space = LabelSpace(**config["labels"])
        space.lookup_table(names)
        known = {*names, *shipped_source_names()}
        gathered = [source for group in space.gathers.values() for source in group]
    except ConfigError as error:
        return error.problems
    except (KeyError, TypeError, AttributeError):  # the schema has said what is wrong
        return []
    strangers = [source for source in gathered if source not in known]
    if strangers:
        return [f"labels={space.name} gathers names that no dataset has: {', '.join(strangers)}"]
    return []


@cache
def shipped_source_names() -> frozenset[str]:
    """Native label names of all datasets of `conf/dataset`."""
    texts = [(CONF / "dataset" / f"{name}.yaml").read_text() for name in options("dataset")]
    return frozenset(n for text in texts for n in yaml.safe_load(text)["dataset"].get("names", []))
