"""Composition of all configurations of a command line.

Hydra composes each choice of options once. Values are set in copies of the result, which takes a
tenth of the time, and equal parts of the resolved configurations are stored only once.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import InterpolationToMissingValueError, OmegaConfBaseException

from clothseg.config.explanation import (
    composition_problem,
    interpolation_problems,
    unsettable,
)
from clothseg.config.flags import SWEEPERS, is_hydra_key
from clothseg.config.override import MAX_JOBS, Variant, too_many, variants
from clothseg.config.replacement import functions_first, set_value, shown_choices
from clothseg.config.suggestion import did_you_mean
from clothseg.error import ConfigError
from clothseg.label_file import label_file_part
from clothseg.shipped import CONF
from clothseg.shipped import options as shipped_options
from clothseg.terminal.screen import progress_bar, say

OmegaConf.register_new_resolver("labels_json", label_file_part, replace=True)

FOLD = "split.fold"
"""Key of the tested fold."""
NUMBERS_OF_FOLDS = range(2, 101)
"""Numbers of folds that splits accept; others are left to the schema, which rejects them."""
MANY_JOBS = 50
"""Number of configurations from which their composition is announced."""


C = TypeVar("C")
D = TypeVar("D")


@dataclass(frozen=True)
class Composed(Generic[C]):
    """One configuration of a command line.

    Args:
        config: plain containers without interpolations; once checked, a typed object.
        choices: the selected option of each group, or the function in its place, see
            :func:`clothseg.config.replacement.shown_choices`.
        launcher: settings of the launcher that runs a sweep's jobs, see `conf/hydra/launcher`.
        sweeper: settings of a sweeper of `conf/hydra/sweeper`; empty for one of Hydra.
        overrides: the overrides of this configuration, each with a single value.
        swept: those of them that vary within the command, except the fold.
    """

    config: C
    choices: dict[str, str]
    launcher: dict[str, Any]
    overrides: Sequence[str] = ()
    swept: Sequence[str] = ()
    sweeper: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Display name: the swept overrides, or model and backbone."""
        return " ".join(sorted(self.swept)) or f"{self.choices['model']} {self.choices['backbone']}"

    def with_config(self, config: D) -> "Composed[D]":
        """Return this configuration in another form."""
        return Composed(
            config, self.choices, self.launcher, self.overrides, self.swept, self.sweeper
        )


Plain = dict[str, Any]
Combination = tuple[Variant, ...]


class Composer:
    """Composes the configurations of one command line.

    Args:
        name: main configuration, a file in `conf/`.
        settings: overrides of Hydra's own keys, in Hydra's form.
        every_fold: add the other folds to a configuration whose fold is not chosen.
        problems: messages about configurations that cannot be composed are appended.
    """

    def __init__(
        self, name: str, settings: Sequence[str], every_fold: bool, problems: list[str]
    ) -> None:
        self.name, self.settings, self.every_fold = name, settings, every_fold
        self.problems = problems
        self._shared: dict[tuple[str, str], Any] = {}

    def compose(
        self,
        overrides: Sequence[Override],
        groups: Sequence[str],
        combine: Callable[..., Iterable[Combination]] = itertools.product,
    ) -> list[Composed[Plain]]:
        """Compose one configuration for each combination of swept values and fold.

        Args:
            overrides: valid overrides in the order of the command line, the last of which varies
                fastest.
            groups: config groups of the main configuration.
            combine: combines the values of the overrides, one of each.

        Raises:
            ConfigError: there are too many.
        """
        counted = 0
        by_options: dict[tuple[str, ...], list[tuple[int, Combination]]] = {}
        choices = [variants(o, is_option=o.key_or_group in groups) for o in overrides]
        combinations = [*combine(*choices)]
        for number, combination in enumerate(combinations):
            options = tuple(variant.text for variant in combination if variant.is_option)
            by_options.setdefault(options, []).append((number, combination))
        found: dict[int, list[Composed[Plain]]] = {}
        total = len(combinations)
        with progress_bar("planning", total) as advance:
            for options, members in by_options.items():
                base = self.base(options)
                if base is None:
                    continue
                for number, combination in members:
                    found[number] = self._complete(base, combination)
                    counted += len(found[number])
                    expected = total * len(found[number]) if len(found) == 1 else counted
                    if expected > MAX_JOBS:
                        raise ConfigError([*self.problems, too_many(expected, "jobs")])
                    if len(found) == 1:
                        self._announce(max(total, expected))
                    advance(1)
        return [composed for number in sorted(found) for composed in found[number]]

    def _announce(self, jobs: int) -> None:
        if jobs >= MANY_JOBS:
            say(f"planning {jobs:,} jobs")

    def base(self, options: Sequence[str]) -> "Base | None":
        """Let Hydra compose a choice of options; append problems and return None if that fails."""
        try:
            with initialize_config_dir(str(CONF), version_base="1.3"):
                full = compose(self.name, [*options, *self.settings], return_hydra_config=True)
        except (HydraException, OmegaConfBaseException) as error:
            self.problems.append(composition_problem(error))
            return None
        choices = {k: v for k, v in full.hydra.runtime.choices.items() if "/" not in k and v}
        config = OmegaConf.masked_copy(full, [str(key) for key in full if key != "hydra"])
        foreign = full.hydra.runtime.choices[SWEEPERS] not in shipped_options(SWEEPERS)
        sweeper = OmegaConf.create() if foreign else full.hydra.sweeper
        return Base(config, choices, full.hydra.launcher, sweeper)

    def _complete(self, base: "Base", combination: Combination) -> list[Composed[Plain]]:
        """Set the values of a combination; return one configuration, or one of each fold."""
        config = base.config.copy()
        for variant in functions_first(combination):
            try:
                if not variant.is_option:
                    self._apply(config, variant, base.config)
            except (OmegaConfBaseException, ValueError, TypeError) as error:  # all from OmegaConf
                reason = unsettable(config, variant.key, error)
                self.problems.append(f"{variant.text}: cannot be set ({reason})")
                return []
        try:
            folds = self._folds(config, combination)
        except OmegaConfBaseException as error:
            self.problems += interpolation_problems(error)
            return []
        texts = [v.text for v in combination if not is_hydra_key(v.key)]
        swept = [v.text for v in combination if v.is_swept and v.key != FOLD]
        choices = shown_choices(base.choices, base.config, config, combination)
        launcher = self._plugin(base.launcher, config)
        sweeper = self._plugin(base.sweeper, config)
        one: Composed[Plain] = Composed({}, choices, launcher, texts, swept, sweeper)
        if not folds:
            return self._resolved(config, one)
        composed = []
        for fold in folds:
            OmegaConf.update(config, FOLD, fold, force_add=True)
            of_fold = replace(one, overrides=[*texts, f"{FOLD}={fold}"])
            composed += self._resolved(config, of_fold)
        return composed

    def _folds(self, config: DictConfig, combination: Combination) -> Sequence[int]:
        """Folds to add to a configuration; empty if its fold is chosen, or it has none."""
        if not self.every_fold or any(variant.key == FOLD for variant in combination):
            return ()
        folds = OmegaConf.select(config, "split.folds")
        has_fold = OmegaConf.select(config, FOLD) is not None
        known = isinstance(folds, int) and folds in NUMBERS_OF_FOLDS
        return range(folds) if has_fold and known else ()

    def _resolved(self, config: DictConfig, one: Composed[Plain]) -> list[Composed[Plain]]:
        """Resolve a configuration; empty if that fails."""
        plain = self._resolve(config)
        if plain is None:
            return []
        return [one.with_config({key: self._share(key, item) for key, item in plain.items()})]

    def _apply(self, config: DictConfig, variant: Variant, base: DictConfig) -> None:
        """Set a value as Hydra would, even for unknown keys: the schema rejects these later."""
        with open_dict(config):
            if not variant.is_deletion:
                set_value(config, variant.key, variant.value)
                return
            parent, _, last = variant.key.rpartition(".")
            node, before = [OmegaConf.select(c, parent) if parent else c for c in (config, base)]
            if isinstance(node, DictConfig) and last in node:
                del node[last]
                return
            if isinstance(before, DictConfig) and last in before:
                return  # an argument of a replaced function, which is gone already
        known = [str(key) for key in node] if isinstance(node, DictConfig) else []
        self.problems.append(f"~{variant.key}: no such key; {did_you_mean(last, known)}")

    def _plugin(self, settings: DictConfig, config: DictConfig) -> Plain:
        """Resolve settings of Hydra's, which may refer to other keys of the configuration."""
        node = OmegaConf.create({"plugin": settings})
        node._set_parent(config)
        resolved: Plain = self._share("hydra", self._resolve(node.plugin) or {})
        return resolved

    def _share(self, key: str, value: Any) -> Any:
        """Return an earlier configuration's equal value for a key instead of another copy."""
        return self._shared.setdefault((key, repr(value)), value)

    def _resolve(self, config: DictConfig) -> dict[str, Any] | None:
        """Resolve to plain containers; append problems and return None if that fails."""
        missing = _missing_keys(OmegaConf.to_container(config))
        self.problems += [f"{key} is required: add {key}=<value> to the command" for key in missing]
        try:
            return plain_config(config)
        except InterpolationToMissingValueError:  # already reported
            return None
        except (OmegaConfBaseException, RecursionError) as error:
            self.problems += interpolation_problems(error)
            return None


@dataclass(frozen=True)
class Base:
    """Composition of one choice of options, with unresolved interpolations."""

    config: DictConfig
    choices: dict[str, str]
    launcher: DictConfig
    sweeper: DictConfig


def plain_config(config: DictConfig) -> dict[str, Any]:
    """Convert a configuration to plain containers, interpolations resolved."""
    plain: Any = OmegaConf.to_container(config, resolve=True)
    return dict(plain)


def _missing_keys(node: Any, path: str = "") -> list[str]:
    """Keys without a value; OmegaConf's own function fails on references between them."""
    if isinstance(node, dict):
        children = [(f"{path}.{key}" if path else str(key), value) for key, value in node.items()]
        return sorted(key for child, value in children for key in _missing_keys(value, child))
    return [path] if node == "???" else []
