"""Launching of a command: from its check to the report of all outcomes.

What was checked is what runs. Hydra composes configurations and, if one of its sweepers is chosen,
decides which are tried; it never runs a job itself.
"""

import io
import os
import sys
from contextlib import redirect_stderr
from pathlib import Path

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig

from clothseg.config.command_line import check_command, check_query
from clothseg.config.composition import Composed
from clothseg.config.flags import (
    HYDRA_HELP,
    MULTIRUN_FLAGS,
    QUERY_FLAGS,
    QUERY_MODIFIERS,
    SWEEPERS,
    query_problems,
)
from clothseg.config.run_config import RunConfig
from clothseg.config.search_space import chooses_search
from clothseg.error import ConfigError, first_line
from clothseg.jobs.command_tag import command_tag, with_tag
from clothseg.jobs.inputs import Inputs, share_inputs
from clothseg.jobs.local import run_jobs
from clothseg.jobs.machine import Machine
from clothseg.jobs.outcome import Outcome, run_here, run_job
from clothseg.jobs.plan import plan_jobs
from clothseg.jobs.repetition import origin, repetition
from clothseg.jobs.summary import report_outcomes
from clothseg.jobs.sweep import run_sweep
from clothseg.shipped import CONF
from clothseg.terminal.signals import raise_if_interrupted


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
        if problems := query_problems(flags):
            raise ConfigError(problems)
        printed = [] if HYDRA_HELP in flags else check_query(overrides)
        _print_configuration([*printed, *(f for f in flags if f not in MULTIRUN_FLAGS)])
        return 0
    if modifiers := [flag for flag in flags if flag in QUERY_MODIFIERS]:
        raise ConfigError([f"{flag}: only allowed together with --cfg" for flag in modifiers])
    many = any(flag in MULTIRUN_FLAGS for flag in flags)
    if chooses_search(overrides) and not many:
        raise ConfigError([f"{SWEEPERS}: a search runs many trials; add -m to the command"])
    tag = command_tag(overrides)
    if folder := origin(overrides):
        again = with_tag(repetition(folder, overrides, every_fold=many), tag)
        _require_writable(again.config.output)
        return report_outcomes([_run_one(again, Machine.here(), Inputs())], again.config)
    checked = check_command(overrides, every_fold=many, sweeps=many)
    composed = [with_tag(one, tag) for one in checked]
    if len({job.config.folds for job in composed}) > 1:
        raise ConfigError(
            ["all jobs of a sweep need the same number of folds: run one sweep per split"]
        )
    for output in dict.fromkeys(job.config.output for job in composed):
        _require_writable(output)
    command = composed[0].config
    if not many:
        return report_outcomes([_run_one(composed[0], Machine.here(), Inputs())], command)
    sweep = run_sweep(overrides, composed)
    outcomes = [*sweep.outcomes.values()]
    if sweep.search:
        status = sweep.search.report()
    else:
        status = report_outcomes(outcomes, command, sweep.folder) if outcomes else 0
    if sweep.error:
        raise sweep.error
    return status


def _require_writable(output: Path) -> None:
    """Fail early if a folder, which may not exist yet, is not writable."""
    nearest = next(path for path in (output, *output.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise ConfigError([f"output={output}: {nearest} is a file, not a folder"])
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigError([f"output={output}: no permission to write to {nearest}"])


def _run_one(composed: Composed[RunConfig], machine: Machine, inputs: Inputs) -> Outcome:
    """Run a single job, in this process unless it needs several."""
    machine.training_world_size(composed.config)
    inputs.require([composed.config])
    (job,) = plan_jobs([composed], machine, inputs)
    if job.world_size == 1:
        (job,) = share_inputs([job], inputs)
        raise_if_interrupted()
        return run_job(job, run_here)
    return run_jobs([job], machine, 1, inputs)[0]


def _print_configuration(arguments: list[str]) -> None:
    """Let Hydra print a configuration or information about itself.

    Raises:
        ConfigError: Hydra cannot compose it.
    """
    sys.argv = [sys.argv[0], *arguments]
    complaint = io.StringIO()
    try:
        with redirect_stderr(complaint):
            hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(_nothing)()
    except HydraException as error:
        raise ConfigError([first_line(error)]) from error
    except SystemExit as exit:
        if exit.code:
            raise ConfigError([next(iter(complaint.getvalue().splitlines()), "")]) from None
    sys.stderr.write(complaint.getvalue())


def _nothing(config: DictConfig) -> None:
    """Do nothing with a configuration that Hydra prints."""
