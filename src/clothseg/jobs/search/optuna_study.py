"""Study of Optuna in an SQLite file.

A sampler draws from its random seed and the number of the trial, so that a search that was
interrupted goes on as if it had not been, and a lost file is rebuilt from the records of the runs.
"""

import contextlib
import math
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.trial import FrozenTrial, TrialState
from optuna.trial import Trial as OptunaTrial
from sqlalchemy.exc import SQLAlchemyError

from clothseg.config.search_space import Choice, Dimension
from clothseg.error import DataError, UserError, first_line
from clothseg.jobs.search.samplers import pruner_of, sampler_of
from clothseg.jobs.search.study import Ending, Study, Trial
from clothseg.jobs.search.study_file import GuardedConnection, require_study_file

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
        connection = {"timeout": WAIT_SECONDS, "factory": GuardedConnection}
        try:
            require_study_file(self.path)
        except DataError as error:
            raise self._unusable(str(error)) from error
        with self._access():
            self._storage = optuna.storages.RDBStorage(
                f"sqlite:///{self.path}", engine_kwargs={"connect_args": connection}
            )
            self._study = optuna.create_study(
                study_name=folder.name,
                storage=self._storage,
                pruner=pruner_of(pruner),
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
            running = [trial for trial in self._frozen() if trial.state is TrialState.RUNNING]
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
        """Read all trials, of which Optuna keeps in memory those that have ended.

        Raises:
            DataError: they are not those of this search.
        """
        with self._access():
            trials = self._study.get_trials(deepcopy=False)
            for number, frozen in enumerate(trials):
                if problem := self._problem(number, frozen):
                    raise self._unusable(f"trial {number} {problem}")
            return trials

    def _problem(self, number: int, frozen: FrozenTrial) -> str | None:
        """Check a trial, whose parameters become overrides; None if it is one of this search."""
        parameters, reason = (frozen.user_attrs.get(name) for name in (PARAMETERS, REASON))
        is_complete = frozen.state is TrialState.COMPLETE
        scores = [*frozen.intermediate_values.values(), *(frozen.values or [])]
        if frozen.number != number:
            return "is missing"
        if frozen.state not in (TrialState.RUNNING, *ENDINGS):
            return "was not begun by this search"
        is_beginning = PARAMETERS not in frozen.user_attrs and not frozen.state.is_finished()
        if not is_beginning and not self._searches(parameters):
            return "has parameters that are not searched"
        if not all(map(math.isfinite, scores)) or (is_complete and frozen.value is None):
            return "has a score that is not a finite number"
        if not isinstance(reason, str | None):
            return "has a reason that is not text"
        return None

    def _searches(self, parameters: object) -> bool:
        """Return whether parameters are one value of each key of the search space, and no other."""
        keys = {part.key for part in self.space}
        return (
            isinstance(parameters, dict)
            and parameters.keys() == keys
            and all(part.has(parameters[part.key]) for part in self.space)
        )

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
        self._study.sampler = sampler_of(self.sampler, self.space, self.seed, number)

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
        except UserError:
            raise
        except (StorageInternalError, SQLAlchemyError, RuntimeError) as error:
            cause: BaseException = error
            while cause.__cause__:
                cause = cause.__cause__
            raise self._unusable(first_line(cause)) from error
        except Exception as error:  # of Optuna, which takes its file for granted
            raise self._unusable("its content is not that of a study") from error

    def _unusable(self, reason: str) -> DataError:
        return DataError(
            f"{self.path} cannot be used ({reason}); if it is damaged, delete it: the same command "
            "builds it again from the runs, and trains none of them twice"
        )


def _suggest(trial: OptunaTrial, dimension: Dimension) -> str:
    """Let the sampler choose a value; return its text."""
    if isinstance(dimension, Choice):
        return str(trial.suggest_categorical(dimension.key, dimension.texts))
    key, low, high, log = dimension.key, dimension.low, dimension.high, dimension.log
    if isinstance(low, int) and isinstance(high, int):
        step = int(dimension.spacing or 1)
        return dimension.text(trial.suggest_int(key, low, high, step=step, log=log))
    return dimension.text(trial.suggest_float(key, low, high, step=dimension.step, log=log))
