"""Samplers and pruners of Optuna."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.pruners import BasePruner, MedianPruner, NopPruner, WilcoxonPruner
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    GridSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.trial import FrozenTrial

from clothseg.config.search_space import Choice, Dimension
from clothseg.jobs.search.study_file import load_optimizer

STARTUP_TRIALS = 5
"""Trials that end before samplers and the median rule apply; half of Optuna's default for samplers,
because each is a whole cross-validation."""
P_THRESHOLD = 0.1
"""One-sided p-value below which a trial is worse than the best one; four folds can give 1/16."""
STATE = "cma:optimizer:"
"""Beginning of the names of the parts of the state of CMA-ES, hexadecimal attributes of a trial."""


def sampler_of(name: str, space: Sequence[Dimension], seed: int, number: int) -> BaseSampler:
    """Create the sampler of a trial.

    Args:
        name: name of the sampler.
        space: the search space.
        seed: random seed of the search, which samplers of a fixed sequence share.
        number: number of the trial, from which the others draw.
    """
    own_seed = int(np.random.default_rng([seed, number]).integers(2**31))
    match name:
        case "tpe":
            return TPESampler(seed=own_seed, n_startup_trials=STARTUP_TRIALS)
        case "random":
            return RandomSampler(seed=own_seed)
        case "gp":
            return GPSampler(
                seed=own_seed, n_startup_trials=STARTUP_TRIALS, warn_independent_sampling=False
            )
        case "cmaes":
            return _CmaEs(seed=own_seed, warn_independent_sampling=False)
        case "qmc":
            independent = RandomSampler(seed=own_seed)
            return QMCSampler(
                seed=seed,
                scramble=True,
                independent_sampler=independent,
                warn_independent_sampling=False,
            )
    return _Grid({part.key: _values(part) for part in space}, seed=seed)


class _CmaEs(CmaEsSampler):
    """CMA-ES that does not run what a file has in place of its state."""

    def _restore_optimizer(self, completed_trials: list[FrozenTrial]) -> Any:
        """Load the state that the latest of the trials has; None without one."""
        for trial in reversed(completed_trials):
            parts = {k: v for k, v in trial.system_attrs.items() if k.startswith(STATE)}
            if parts:
                text = "".join(parts[f"{STATE}{number}"] for number in range(len(parts)))
                return load_optimizer(bytes.fromhex(text))
        return None


class _Grid(GridSampler):
    """Grid whose last trial ends as all others do."""

    def after_trial(self, *arguments: object) -> None:
        """Do nothing: the number of trials ends the search."""


def _values(dimension: Dimension) -> list[str | int | float]:
    """All values of a dimension, as the sampler suggests them."""
    if isinstance(dimension, Choice):
        return [*dimension.texts]
    spacing = dimension.spacing or 0
    return [dimension.low + spacing * step for step in range(dimension.count or 0)]


def pruner_of(name: str) -> BasePruner:
    """Create a pruner.

    The median rule compares the mean over the folds so far with that of earlier trials, Wilcoxon's
    signed-rank test the folds themselves with those of the best trial.
    """
    match name:
        case "median":
            return MedianPruner(n_startup_trials=STARTUP_TRIALS)
        case "wilcoxon":
            return WilcoxonPruner(p_threshold=P_THRESHOLD)
    return NopPruner()
