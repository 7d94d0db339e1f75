"""Launching of jobs: from the checked command line to the outcomes of all jobs.

What was checked is what runs. Hydra composes configurations and, if another sweeper than its basic
one is chosen, decides which are tried; it never runs a job itself.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import hydra
from omegaconf import DictConfig, OmegaConf

from clothseg import build
from clothseg.config.command_line import (
    check_command,
    check_query,
    constant_keys,
    hydra_overrides,
)
from clothseg.config.composition import FOLD, Composed, plain_config
from clothseg.config.flags import MULTIRUN_FLAGS, QUERY_FLAGS, QUERY_MODIFIERS
from clothseg.error import ConfigError, UserError
from clothseg.jobs.local import run_jobs
from clothseg.jobs.machine import Machine
from clothseg.jobs.outcome import Outcome, run_here, run_job
from clothseg.jobs.plan import Inputs, plan_jobs, without_repeats
from clothseg.jobs.process import prepare
from clothseg.jobs.summary import report_outcomes
from clothseg.run.job import Job
from clothseg.run.record import Record
from clothseg.run.signature import IRRELEVANT_KEYS
from clothseg.shipped import CONF


class Launcher(Protocol):
    """Runner of the jobs of a sweep, an option of `conf/hydra/launcher`."""

    @property
    def machine(self) -> Machine:
        """Resources that one job may use where it runs."""

    def run(self, jobs: list[Job]) -> list[Outcome]:
        """Run jobs; returns their outcomes in the order of the jobs."""


def launch(overrides: list[str], flags: list[str]) -> int:
    """Check a command line, run its jobs, and report the outcomes.

    Args:
        overrides: arguments of the form key=value.
        flags: arguments that begin with a dash, with their values.

    Returns:
        Exit status: 0 if every job finished, 1 if one failed, 130 if the command was interrupted.

    Raises:
        ConfigError: the command line is invalid; lists every problem.
    """
    if any(flag in QUERY_FLAGS for flag in flags):
        check_query(overrides)
        _run_hydra([*overrides, *(flag for flag in flags if flag not in MULTIRUN_FLAGS)])
        return 0
    if modifiers := [flag for flag in flags if flag in QUERY_MODIFIERS]:
        raise ConfigError([f"{flag}: only allowed together with --cfg" for flag in modifiers])
    many = any(flag in MULTIRUN_FLAGS for flag in flags)
    composed = check_command(overrides, every_fold=many)
    if len(composed) > 1 and not many:
        raise ConfigError(["several values for one key require a sweep: add -m to the command"])
    if len({job.config["split"].get("folds") for job in composed}) > 1:
        raise ConfigError(
            ["all jobs of a sweep need the same number of folds: run one sweep per split"]
        )
    for output in dict.fromkeys(job.config["output"] for job in composed):
        _require_writable(Path(output))
    command = composed[0].config
    if command["rerun_from"]:
        outcomes = [_rerun(composed, overrides)]
    elif many:
        outcomes = _run_sweep(overrides, composed)
    else:
        outcomes = [_run_one(composed[0], Machine.here(), Inputs())]
    return report_outcomes(outcomes, command)


def _require_writable(output: Path) -> None:
    """Fail early if a folder, which may not exist yet, is not writable."""
    nearest = next(path for path in (output, *output.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise ConfigError([f"output={output}: {nearest} is a file, not a folder"])
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigError([f"output={output}: no permission to write to {nearest}"])


def _run_one(composed: Composed, machine: Machine, inputs: Inputs) -> Outcome:
    """Run a single job, in this process unless it needs several."""
    machine.training_world_size(composed.config)
    inputs.require([composed.config])
    (job,) = plan_jobs([composed], machine, inputs)
    if job.world_size == 1:
        return run_job(job, run_here)
    return run_jobs([job], machine, max_parallel=1)[0]


def _run_sweep(overrides: list[str], composed: list[Composed]) -> list[Outcome]:
    """Run all configurations of a command, or those that a sweeper chooses among their values."""
    launcher: Launcher = build.call_target(composed[0].launcher)
    search = Search(launcher, constant_keys(overrides))
    search.require(composed)
    if any(text.startswith("hydra/sweeper=") for text in overrides):
        _run_hydra(hydra_overrides(overrides), search)
        if search.error:
            raise search.error
    else:
        search.run(composed)
    return search.outcomes


@dataclass
class Search:
    """Jobs of a sweep; passed to Hydra as its task function if a sweeper chooses them.

    Hydra returns nothing from a job and prints a traceback for every error, so outcomes and errors
    are collected here.

    Args:
        launcher: runs jobs.
        constant: keys with a single value in the command, which are not in the names of its jobs.
        outcomes: outcomes of all jobs.
        error: the error because of which no job was run.
    """

    launcher: Launcher
    constant: Sequence[str]
    outcomes: list[Outcome] = field(default_factory=list)
    error: UserError | None = None
    _inputs: Inputs = field(default_factory=Inputs)

    def require(self, composed: Sequence[Composed]) -> None:
        """Check machine and inputs of configurations before anything is written.

        Raises:
            ConfigError: the machine cannot run a configuration, or an input is unavailable.
            DataError: a dataset cannot be read.
        """
        for job in composed:
            self.launcher.machine.training_world_size(job.config)
        if not all(self._inputs.reader(job.config).ready for job in composed):
            prepare()  # the job processes, while images are rendered
        self._inputs.require(job.config for job in composed)

    def run(self, composed: Sequence[Composed]) -> list[float | None]:
        """Plan and run configurations.

        Returns:
            Mean IoU of each configuration; None if it has no score.
        """
        jobs = plan_jobs(composed, self.launcher.machine, self._inputs)
        distinct = without_repeats(jobs)
        outcomes = self.launcher.run(distinct)
        self.outcomes.extend(outcomes)
        scores = {job.folder: _mean_iou(o) for job, o in zip(distinct, outcomes, strict=True)}
        return [scores[job.folder] for job in jobs]

    def try_values(self, batch: Sequence[Sequence[str]]) -> list[float | None]:
        """Run a batch of a sweeper's choices; called by Hydra's launcher.

        Args:
            batch: overrides of each configuration.

        Returns:
            Score of each configuration: the mean over its folds; None if it has none.
        """
        try:
            chosen = [self._compose(overrides) for overrides in batch]
            scores = iter(self.run([job for folds in chosen for job in folds]))
        except UserError as error:
            self.error = error
            return [None] * len(batch)
        return [_mean([next(scores) for _ in folds]) for folds in chosen]

    def _compose(self, overrides: Sequence[str]) -> list[Composed]:
        """Compose the folds of one of a sweeper's choices, named by what it chose."""
        folds = check_command(overrides, every_fold=True)
        chosen = [o for o in overrides if o.lstrip("+~").split("=")[0] not in self.constant]
        swept = [o.removeprefix("++") for o in chosen if not o.startswith(f"{FOLD}=")]
        return [replace(job, swept=swept) for job in folds]

    def __call__(self, config: DictConfig) -> None:
        """Satisfy Hydra, whose jobs are run by :meth:`try_values`."""


def _mean(scores: Sequence[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if len(known) == len(scores) else None


def _mean_iou(outcome: Outcome) -> float | None:
    if not outcome.finished:
        return None
    score: float | None = Record(Path(str(outcome.folder))).metrics["test"]["mean"]["iou"]
    return score


def _run_hydra(arguments: list[str], search: Search | None = None) -> None:
    """Let Hydra print a configuration, or let its sweeper choose configurations."""
    with tempfile.TemporaryDirectory() as folder:  # Hydra requires an output folder
        more = [f"hydra.run.dir='{folder}'", f"hydra.sweep.dir='{folder}'", "-m"] if search else []
        sys.argv = [sys.argv[0], *arguments, *more]
        main = hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
        main(search or _nothing)()


def _nothing(config: DictConfig) -> None:
    """Do nothing with a configuration that Hydra prints."""


def _rerun(composed: list[Composed], overrides: list[str]) -> Outcome:
    """Repeat a recorded run in a new record; the original record remains."""
    command = composed[0].config
    keys = set(constant_keys(overrides))
    changing = {key for key in keys if not key.startswith("logger.")} - {*IRRELEVANT_KEYS}
    fixed = sorted(changing | keys & {"split.fold"})
    if len(composed) > 1 or fixed:
        raise ConfigError(
            [f"rerun_from repeats a run unchanged, so {key} cannot be set" for key in fixed]
            or ["rerun_from repeats a single run, not several"]
        )
    recorded = Record(Path(command["rerun_from"])).config
    config = DictConfig(recorded["config"])
    # A record must not decide which modules are trusted or where output goes; the command does.
    for key in keys | {"trust", "output"}:
        OmegaConf.update(config, key, OmegaConf.select(OmegaConf.create(command), key), merge=False)
    config.rerun = True
    plain = plain_config(config)
    build.require_valid(plain)
    all_overrides = [*recorded["overrides"], *overrides]
    repeated = Composed(plain, recorded["choices"], {}, all_overrides)
    return _run_one(repeated, Machine.here(), Inputs())
