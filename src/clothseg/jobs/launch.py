"""Launching of jobs: from the checked command line through Hydra to the outcomes of all jobs."""

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from clothseg import build
from clothseg.config.command_line import (
    Composed,
    check_command,
    check_query,
    constant_keys,
    hydra_overrides,
    plain_config,
)
from clothseg.config.flags import MULTIRUN_FLAGS, QUERY_FLAGS, QUERY_MODIFIERS
from clothseg.error import ConfigError, UserError
from clothseg.jobs.local import run_jobs
from clothseg.jobs.machine import Machine
from clothseg.jobs.outcome import Outcome, run_here, run_job, sweep_score
from clothseg.jobs.process import prepare
from clothseg.jobs.summary import report_outcomes
from clothseg.run.job import Job, plan
from clothseg.run.record import Record
from clothseg.run.signature import IRRELEVANT_KEYS
from clothseg.screen import say
from clothseg.shipped import CONF


@dataclass
class Session:
    """One training command, passed to Hydra as its task function.

    Hydra returns nothing from a job and prints a traceback for every error, so outcomes and errors
    are collected here.

    Args:
        outcomes: outcomes of the jobs that Hydra launched.
        error: the error because of which no job was run.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    error: UserError | None = None

    def __call__(self, config: DictConfig) -> None:
        """Run a single job; called by Hydra without `-m`."""
        machine = Machine.here()
        try:
            job = _plan_job(config, HydraConfig.get(), many=False, machine=machine, fingerprints={})
            self.outcomes.append(_run_one(job, machine))
        except UserError as error:
            self.error = error

    def sweep(
        self,
        configs: Sequence[DictConfig],
        machine: Machine,
        run: Callable[[list[Job]], list[Outcome]],
    ) -> list[float | None]:
        """Plan and run the jobs of a sweep; called by Hydra's launcher with `-m`.

        Args:
            configs: composed configurations, including Hydra's own node.
            machine: the resources that one job may use where it runs.
            run: runs jobs and returns their outcomes in the same order.

        Returns:
            Monitored validation score of each configuration; None if it has no score.
        """
        fingerprints: dict[str, str] = {}
        try:
            jobs = [
                _plan_job(_without_hydra(config), config.hydra, True, machine, fingerprints)
                for config in configs
            ]
            first: dict[Path, Job] = {}
            for job in jobs:
                if job is not first.setdefault(job.folder, job):
                    other = first[job.folder]
                    say(f"{job.title} is the same run as {other.title}; it runs only once")
            outcomes = dict(zip(first, run(list(first.values())), strict=True))
        except UserError as error:
            self.error = error
            return [None] * len(configs)
        self.outcomes.extend(outcomes.values())
        return [sweep_score(outcomes[job.folder]) for job in jobs]


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
        _run_hydra([*overrides, *(flag for flag in flags if flag not in MULTIRUN_FLAGS)], Session())
        return 0
    if modifiers := [flag for flag in flags if flag in QUERY_MODIFIERS]:
        raise ConfigError([f"{flag}: only allowed together with --cfg" for flag in modifiers])
    composed = check_command(overrides)
    many = any(flag in MULTIRUN_FLAGS for flag in flags)
    if len(composed) > 1 and not many:
        raise ConfigError(["several values for one key require a sweep: add -m to the command"])
    machine = build.call_target(composed[0].launcher).machine if many else Machine.here()
    for output in dict.fromkeys(job.config["output"] for job in composed):
        _require_writable(Path(output))
    for job in composed:
        machine.training_world_size(job.config)
    if many and not all(build.build_dataset(job.config).ready for job in composed):
        prepare()
    for job in composed:
        build.require_inputs(job.config)
    if composed[0].config["rerun_from"]:
        outcomes = [_rerun(composed, overrides)]
    else:
        outcomes = _run(overrides, many, composed)
    return report_outcomes(outcomes, composed[0].config.get("logger", {}))


def _require_writable(output: Path) -> None:
    """Fail early if a folder, which may not exist yet, is not writable."""
    nearest = next(path for path in (output, *output.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise ConfigError([f"output={output}: {nearest} is a file, not a folder"])
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigError([f"output={output}: no permission to write to {nearest}"])


def _run(overrides: list[str], many: bool, composed: list[Composed]) -> list[Outcome]:
    """Let Hydra launch all jobs; returns their outcomes."""
    folds, *others = {job.config["split"].get("folds") for job in composed}
    if others:
        raise ConfigError(
            ["all jobs of a sweep need the same number of folds: run one sweep per split"]
        )
    if many and folds and not any(o.lstrip("+").startswith("split.fold=") for o in overrides):
        overrides = [*overrides, f"split.fold={','.join(map(str, range(folds)))}"]
    constant = ",".join([*constant_keys(overrides), "split.fold"])
    overrides = hydra_overrides(overrides) if many else overrides
    session = Session()
    with tempfile.TemporaryDirectory() as folder:  # Hydra requires an output folder
        folders = [
            f"hydra.run.dir='{folder}'",
            f"hydra.sweep.dir='{folder}'",
            f"hydra.job.config.override_dirname.exclude_keys=[{constant}]",
        ]
        _run_hydra([*overrides, *folders, *(["-m"] if many else [])], session)
    if session.error:
        raise session.error
    return session.outcomes


def _run_hydra(arguments: list[str], session: Session) -> None:
    sys.argv = [sys.argv[0], *arguments]
    hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(session)()


def _plan_job(
    config: DictConfig,
    hydra_config: Any,
    many: bool,
    machine: Machine,
    fingerprints: dict[str, str],
) -> Job:
    plain = plain_config(config)
    choices = {k: v for k, v in hydra_config.runtime.choices.items() if "/" not in k and v}
    overrides = [override.removeprefix("++") for override in hydra_config.overrides.task]
    constant = hydra_config.job.config.override_dirname.exclude_keys
    swept = [o for o in overrides if o.lstrip("+~").split("=")[0] not in constant]
    name = (
        " ".join(sorted(swept)) if many and swept else f"{choices['model']} {choices['backbone']}"
    )
    return plan(name, plain, choices, overrides, machine.training_world_size(plain), fingerprints)


def _run_one(job: Job, machine: Machine) -> Outcome:
    """Run a single job, in this process unless it needs several."""
    if job.world_size == 1:
        return run_job(job, run_here)
    return run_jobs([job], machine, max_parallel=1)[0]


def _without_hydra(config: DictConfig) -> DictConfig:
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])


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
    choices = recorded["choices"]
    name = f"{choices['model']} {choices['backbone']}"
    machine = Machine.here()
    all_overrides = [*recorded["overrides"], *overrides]
    world_size = machine.training_world_size(plain)
    return _run_one(plan(name, plain, choices, all_overrides, world_size, fingerprints={}), machine)
