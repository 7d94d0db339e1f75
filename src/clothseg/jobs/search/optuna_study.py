"""Study of Optuna in an SQLite file.

A sampler draws from its random seed and the number of the trial, so that a search that was
interrupted goes on as if it had not been, and a lost file is rebuilt from the records of the runs.
"""

import contextlib
import math
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError
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
from optuna.trial import FrozenTrial, TrialState
from optuna.trial import Trial as OptunaTrial
from sqlalchemy.exc import SQLAlchemyError

from clothseg.config.search_space import Choice, Dimension
from clothseg.error import DataError, first_line
from clothseg.jobs.search.study import Ending, Study, Trial

STATES: dict[Ending, TrialState] = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
"""States of Optuna."""
ENDINGS = {state: ending for ending, state in STATES.items()}

FILE = "study.db"
REASON, PARAMETERS = "reason", "parameters"
"""Attributes of a trial: why it failed, and what was run, of which numbers have fewer digits."""
STARTUP_TRIALS = 5
"""Trials that end before samplers and the median rule apply; half of Optuna's default for samplers,
because each is a whole cross-validation."""
P_THRESHOLD = 0.1
"""One-sided p-value below which a trial is worse than the best one; four folds can give 1/16."""
WAIT_SECONDS = 60.0
"""Seconds to wait for another process that writes to the file."""


class OptunaStudy(Study):
    """Trials that a sampler of Optuna chooses, by the values of those that have ended.

    Args:
        folder: folder of the search, which exists and names the study.
        space: the search space.
        maximize: whether higher values are better.
        sampler: name of the sampler.
        pruner: name of the pruner.
        seed: random seed.

    Raises:
        DataError: the file is damaged, or cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        space: Sequence[Dimension],
        maximize: bool,
        sampler: str,
        pruner: str,
        seed: int,
    ) -> None:
        self.path, self.space, self.sampler, self.seed = folder / FILE, space, sampler, seed
        self.prunes = pruner != "none"
        if sampler == "grid":
            self.capacity = math.prod(part.count or 0 for part in space)
        self._compares_folds = pruner == "wilcoxon"
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with self._access():
            self._storage = optuna.storages.RDBStorage(
                f"sqlite:///{self.path}", engine_kwargs={"connect_args": {"timeout": WAIT_SECONDS}}
            )
            self._study = optuna.create_study(
                study_name=folder.name,
                storage=self._storage,
                pruner=_pruner(pruner),
                direction="maximize" if maximize else "minimize",
                load_if_exists=True,
            )
            self._id = self._storage.get_study_id_from_name(folder.name)

    @property
    def retry(self) -> str:
        """Another file, which is built from the records of the runs."""
        return f"to try them again, delete {self.path} and rerun; finished folds are kept"

    def size(self) -> int:
        """Return the number of trials in the file."""
        with self._access():
            return self._storage.get_n_trials(self._id)

    def unfinished(self) -> list[int]:
        """Return the numbers of the trials that were begun by this or another process.

        A trial without parameters was being begun by a process that was killed.
        """
        with self._access():
            running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            for trial in running:
                if PARAMETERS not in trial.user_attrs:
                    self._prepare(trial.number)
                    self._choose(OptunaTrial(self._study, self._trial_id(trial.number)))
        return [trial.number for trial in running]

    def begin(self) -> int:
        """Let the sampler choose a further trial; return its number."""
        with self._access():
            self._prepare(self.size())
            trial = self._study.ask()
            self._choose(trial)
            return trial.number

    def trial(self, number: int) -> Trial:
        """Return a trial."""
        return self._read(self._frozen()[number])

    def trials(self) -> list[Trial]:
        """Return all trials by number."""
        return [self._read(frozen) for frozen in self._frozen()]

    def report(self, number: int, scores: Sequence[float]) -> None:
        """Store what the pruner compares: scores of folds, or their mean up to each of them."""
        with self._access():
            for step, score in enumerate(scores, 1):
                value = score if self._compares_folds else math.fsum(scores[:step]) / step
                self._storage.set_trial_intermediate_value(self._trial_id(number), step, value)

    def is_hopeless(self, number: int) -> bool:
        """Ask the pruner."""
        with self._access():
            return bool(self._study.pruner.prune(self._study, self._frozen()[number]))

    def end(self, number: int, ending: Ending, reason: str | None = None) -> None:
        """Tell Optuna how a trial ended; nothing happens if another process has done so."""
        with self._access():
            if reason is not None:
                self._storage.set_trial_user_attr(self._trial_id(number), REASON, reason)
            value = self.trial(number).value if ending == "complete" else None
            self._study.tell(number, value, STATES[ending], skip_if_finished=True)

    def _frozen(self) -> list[FrozenTrial]:
        """Read all trials, of which Optuna keeps in memory those that have ended."""
        with self._access():
            return self._study.get_trials(deepcopy=False)

    def _read(self, frozen: FrozenTrial) -> Trial:
        attributes = frozen.user_attrs
        scores = [*frozen.intermediate_values.values()]
        value = frozen.value
        if value is None and scores:
            value = self._mean(scores)
        return Trial(
            number=frozen.number,
            parameters=attributes.get(PARAMETERS, {}),
            ending=ENDINGS.get(frozen.state),
            value=value,
            folds=len(scores),
            reason=attributes.get(REASON),
        )

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)

    def _mean(self, scores: Sequence[float]) -> float:
        """Mean score of folds, from what was reported of them."""
        return math.fsum(scores) / len(scores) if self._compares_folds else scores[-1]

    def _prepare(self, number: int) -> None:
        """Create the sampler of a trial."""
        self._study.sampler = _sampler(self.sampler, self.space, self.seed, number)

    def _choose(self, trial: OptunaTrial) -> None:
        """Let the sampler choose the parameters of a trial, and store them as they are run."""
        chosen = {part.key: _suggest(trial, part) for part in self.space}
        trial.set_user_attr(PARAMETERS, chosen)

    @contextlib.contextmanager
    def _access(self) -> Iterator[None]:
        """Convert errors of the file, and hide that a sampler may change in a later version."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                yield
        except (StorageInternalError, SQLAlchemyError, RuntimeError) as error:
            cause = error.__cause__ or error
            raise DataError(
                f"{self.path} cannot be used ({first_line(cause)}); if it is damaged, delete it: "
                "the same command builds it again from the runs, and trains none of them twice"
            ) from error


def _suggest(trial: OptunaTrial, dimension: Dimension) -> str:
    """Let the sampler choose a value; return its text."""
    if isinstance(dimension, Choice):
        return str(trial.suggest_categorical(dimension.key, dimension.texts))
    key, low, high, log = dimension.key, dimension.low, dimension.high, dimension.log
    if isinstance(low, int) and isinstance(high, int):
        step = int(dimension.spacing or 1)
        return dimension.text(trial.suggest_int(key, low, high, step=step, log=log))
    return dimension.text(trial.suggest_float(key, low, high, step=dimension.step, log=log))


def _sampler(name: str, space: Sequence[Dimension], seed: int, number: int) -> BaseSampler:
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
            return CmaEsSampler(seed=own_seed, warn_independent_sampling=False)
        case "qmc":
            independent = RandomSampler(seed=own_seed)
            return QMCSampler(
                seed=seed,
                scramble=True,
                independent_sampler=independent,
                warn_independent_sampling=False,
            )
    return _Grid({part.key: _values(part) for part in space}, seed=seed)


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


def _pruner(name: str) -> BasePruner:
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
