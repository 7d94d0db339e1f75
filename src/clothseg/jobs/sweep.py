"""Sweeps: all configurations of a command, or those that a sweeper of Hydra chooses."""

import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from clothseg.config.call import call_of
from clothseg.config.command_line import check_command, constant_keys, hydra_overrides
from clothseg.config.composition import FOLD, Composed
from clothseg.config.flags import SWEEPER
from clothseg.config.run_config import RunConfig
from clothseg.config.search_space import search_space
from clothseg.error import ConfigError, DataError, UserError
from clothseg.jobs.command_tag import command_tag, with_tag
from clothseg.jobs.inputs import Inputs
from clothseg.jobs.machine import Machine
from clothseg.jobs.outcome import Outcome, sweep_score
from clothseg.jobs.plan import plan_jobs, without_repeats
from clothseg.jobs.process import prepare
from clothseg.jobs.search.checks import require_comparable
from clothseg.jobs.search.result import SearchResult
from clothseg.jobs.sweep_folder import SweepFolder
from clothseg.run.job import Job
from clothseg.shipped import CONF


class Launcher(Protocol):
    """Runner of the jobs of a sweep, an option of `conf/hydra/launcher`."""

    @property
    def machine(self) -> Machine:
        """Resources that one job may use where it runs."""

    def run(self, jobs: list[Job], inputs: Inputs) -> list[Outcome]:
        """Run jobs; returns their outcomes in the order of the jobs."""


class SweepEnded(BaseException):
    """Signal that a sweeper must not choose further configurations.

    Hydra prints a traceback for every exception of a launcher, but lets this one pass.
    """


@dataclass
class Sweep:
    """Jobs of a sweep; passed to Hydra as its task function if a sweeper chooses them.

    Args:
        launcher: runs jobs.
        constant: keys with a single value in the command, which are not in the names of its jobs.
        tag: tag of the command, see :mod:`clothseg.jobs.command_tag`.
        outcomes: outcome of each run by its folder.
        folder: folder for files about the sweep as a whole; None without one.
        search: result of a search; None if there was none.
        error: the error that ended the sweep before all of its jobs were run.
    """

    launcher: Launcher
    constant: Sequence[str] = ()
    tag: str = ""
    outcomes: dict[Path, Outcome] = field(default_factory=dict)
    folder: SweepFolder | None = None
    search: SearchResult | None = None
    error: UserError | None = None
    _planned: list[Job] = field(default_factory=list)
    _inputs: Inputs = field(default_factory=Inputs)

    def require(self, composed: Sequence[Composed[RunConfig]], several: bool) -> None:
        """Check machine and inputs of configurations before anything is written.

        Args:
            composed: configurations of the command.
            several: it tries several, apart from their folds.

        Raises:
            ConfigError: the machine cannot run a configuration, or an input is unavailable.
            DataError: a dataset cannot be read.
        """
        machine = self.launcher.machine
        for job in composed:
            machine.training_world_size(job.config)
        if not all(self._inputs.reader(job.config).ready for job in composed):
            prepare()  # the job processes, while images are rendered
        self._inputs.require((job.config for job in composed), several)

    def run(self, composed: Sequence[Composed[RunConfig]]) -> None:
        """Plan and run configurations."""
        self.run_jobs(plan_jobs(composed, self.launcher.machine, self._inputs))

    def try_values(self, batch: Sequence[Sequence[str]]) -> list[float | None]:
        """Run a batch of a sweeper's choices; called by Hydra's launcher.

        Args:
            batch: overrides of each configuration.

        Returns:
            Score of each configuration: the mean of its folds; None if a fold has none.

        Raises:
            SweepEnded: a choice is invalid, or the command was interrupted.
        """
        try:
            planned = [self.plan(overrides) for overrides in batch]
            self.run_jobs([job for folds in planned for job in folds])
            if any(outcome.result == "interrupted" for outcome in self.outcomes.values()):
                raise SweepEnded
            return [self._mean_score(folds) for folds in planned]
        except UserError as error:
            self.error = error
            raise SweepEnded from error

    def __call__(self, config: DictConfig) -> None:
        """Satisfy Hydra, whose jobs are run by :meth:`try_values`."""

    def plan(self, overrides: Sequence[str]) -> list[Job]:
        """Plan the folds of one configuration, named by what varies within the command.

        Raises:
            ConfigError: the configuration is invalid.
            DataError: its dataset cannot be read.
        """
        return plan_jobs(self._compose(overrides), self.launcher.machine, self._inputs)

    def run_jobs(self, jobs: Sequence[Job]) -> None:
        """Run those jobs whose run is not that of an earlier job of this command."""
        new = [job for job in without_repeats(jobs) if job.folder not in self.outcomes]
        self._planned += new
        with self.folder.planned(self._planned) if self.folder else nullcontext():
            outcomes = self.launcher.run(new, self._inputs)
        self.outcomes |= {job.folder: end for job, end in zip(new, outcomes, strict=True)}

    def _compose(self, overrides: Sequence[str]) -> list[Composed[RunConfig]]:
        """Compose the folds of one of a sweeper's choices, named by what it chose."""
        folds = [with_tag(job, self.tag) for job in check_command(overrides, every_fold=True)]
        chosen = [o for o in overrides if o.lstrip("+~").split("=")[0] not in self.constant]
        swept = [o.removeprefix("++") for o in chosen if not o.startswith(f"{FOLD}=")]
        return [replace(job, swept=swept) for job in folds]

    def _mean_score(self, folds: Sequence[Job]) -> float | None:
        scores = [sweep_score(self.outcomes[job.folder]) for job in folds]
        known = [score for score in scores if score is not None]
        return sum(known) / len(known) if len(known) == len(scores) else None


def run_sweep(overrides: list[str], composed: list[Composed[RunConfig]]) -> Sweep:
    """Run a sweep to its end, which may be an error.

    Args:
        overrides: the command's arguments of the form key=value.
        composed: all of its configurations.

    Raises:
        ConfigError: the configurations have different launchers, or cannot be run here.
        DataError: a dataset cannot be read.
    """
    if len({repr(job.launcher) for job in composed}) > 1:
        raise ConfigError(
            ["hydra.launcher: its settings depend on a swept key, but all jobs share one launcher"]
        )
    launcher = call_of(composed[0].launcher, trust=[])()
    folder = SweepFolder(overrides, composed[0].config.output)
    sweep = Sweep(launcher, constant_keys(overrides), command_tag(overrides), folder=folder)
    sweeper = _chooses_sweeper(overrides)
    if settings := composed[0].sweeper:
        space, _ = search_space(overrides)
        require_comparable(space, [job.config for job in composed], settings)
    sweep.require(composed, several=sweeper or len({job.name for job in composed}) > 1)
    if sweeper:
        run_sweeper(hydra_overrides(overrides), sweep)
    else:
        sweep.run(composed)
    return sweep


def _chooses_sweeper(overrides: Sequence[str]) -> bool:
    """Return whether overrides select a sweeper of Hydra, or set one of its keys."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    keys = [override.key_or_group for override in parsed]
    return any(key == "hydra/sweeper" or key.startswith(SWEEPER) for key in keys)


def run_sweeper(arguments: list[str], sweep: Sweep) -> None:
    """Let Hydra's sweeper choose configurations, until it ends or has to end."""
    with tempfile.TemporaryDirectory() as folder:  # Hydra requires an output folder
        folders = [f"hydra.run.dir='{folder}'", f"hydra.sweep.dir='{folder}'"]
        sys.argv = [sys.argv[0], *arguments, *folders, "-m"]
        main = hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
        try:
            main(sweep)()
        except SweepEnded:
            pass
        except SystemExit:  # Hydra has printed the error
            sweep.error = DataError("the sweeper of Hydra has failed; its error is printed above")
