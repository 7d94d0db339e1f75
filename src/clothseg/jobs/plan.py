"""Planning of jobs: from checked configurations to the run folder of each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clothseg.config.composition import Composed
from clothseg.config.run_config import RunConfig
from clothseg.jobs.inputs import Inputs
from clothseg.jobs.machine import Machine
from clothseg.run.job import Job
from clothseg.run.record import run_folder
from clothseg.terminal.screen import say


def plan_jobs(
    composed: Sequence[Composed[RunConfig]], machine: Machine, inputs: Inputs
) -> list[Job]:
    """Create the job of each configuration.

    Args:
        composed: checked configurations.
        machine: the resources that one job may use where it runs.
        inputs: the inputs of the command.

    Raises:
        ConfigError: the machine cannot run a configuration.
        DataError: a dataset cannot be read.
    """
    jobs = [_plan(configuration, machine, inputs) for configuration in composed]
    folds = Counter({job.folder: job.configuration_folder for job in jobs}.values())
    return [replace(job, alone=folds[job.configuration_folder] == 1) for job in jobs]


def _plan(composed: Composed[RunConfig], machine: Machine, inputs: Inputs) -> Job:
    world_size = machine.training_world_size(composed.config)
    fingerprint = inputs.fingerprint(composed.config)
    start = inputs.start(composed.config)
    own_code = inputs.own_code(composed.config)
    content = {**composed.config.plain, "init_from": start and start.digest}
    return Job(
        name=composed.name,
        folder=run_folder(content, composed.choices, fingerprint, world_size, own_code),
        config=composed.config,
        choices=composed.choices,
        overrides=list(composed.overrides),
        world_size=world_size,
        fingerprint=fingerprint,
        own_code=own_code,
        start=start,
    )


def without_repeats(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs without those whose run is also that of an earlier job."""
    first: dict[Path, Job] = {}
    for job in jobs:
        if job is not first.setdefault(job.folder, job):
            other = first[job.folder]
            say(f"{job.title} is the same run as {other.title}; it runs only once")
    return list(first.values())
