"""Jobs of a sweep on this machine, several in parallel."""

import math
import queue
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from clothseg.config.run_config import RunConfig
from clothseg.jobs.ending import Done, Failure
from clothseg.jobs.inputs import Inputs, share_inputs
from clothseg.jobs.machine import Machine
from clothseg.jobs.outcome import Outcome, complete_outcome, run_isolated, run_job
from clothseg.jobs.process import Processes, prepare
from clothseg.jobs.progress import SweepProgress, following
from clothseg.run.environment import code_version
from clothseg.run.job import Job
from clothseg.terminal.signals import raise_if_interrupted


def run_jobs(
    jobs: Sequence[Job], machine: Machine, max_parallel: int | None, inputs: Inputs
) -> list[Outcome]:
    """Run jobs in separate processes; returns their outcomes in the order of the jobs.

    Jobs that another command is currently running are postponed and waited for at the end, so that
    both commands finish with all results. Ctrl-C shuts the running jobs down cleanly.

    Args:
        jobs: the jobs to run.
        machine: the resources that the jobs share.
        max_parallel: maximum number of jobs running in parallel; None lets the machine decide.
        inputs: the inputs of the command.

    Raises:
        DataError: a dataset is defective, or the disk is full.
        ConfigError: a dataset cannot be split as configured.
    """
    try:
        # The libraries of the jobs are loaded while the images are decoded.
        jobs = share_inputs(jobs, inputs, begin=prepare)
        raise_if_interrupted()
    except KeyboardInterrupt:
        return [complete_outcome(job) or Outcome.of(job, "interrupted", "") for job in jobs]
    processes = Processes()
    with processes.stop_on_signals(), following(jobs) as progress:
        outcomes = _run_all(jobs, processes, machine, max_parallel, progress)
        postponed = [n for n, outcome in enumerate(outcomes) if outcome.result == "elsewhere"]
        waiting = [_finished_elsewhere(jobs[n]) for n in postponed]
        final = _run_all(waiting, processes, machine, max_parallel, progress)
    for number, outcome in zip(postponed, final, strict=True):
        outcomes[number] = outcome
    return outcomes


def _finished_elsewhere(job: Job) -> Job:
    """Let a job wait for the process that executes it, whose results are those of a repetition."""
    return replace(job, wait=math.inf, config=RunConfig({**job.config.plain, "rerun": False}))


def _run_all(
    jobs: Sequence[Job],
    processes: Processes,
    machine: Machine,
    max_parallel: int | None,
    progress: SweepProgress,
) -> list[Outcome]:
    if not jobs:
        return []
    world_size = max(job.world_size for job in jobs)
    gpu = any(job.config.execution.accelerator != "cpu" for job in jobs)
    accelerator = "auto" if gpu else "cpu"
    slots = machine.slots(max_parallel, world_size, accelerator)
    if len(jobs) < len(slots):  # the fewer jobs, the more cores for each
        slots = machine.slots(len(jobs), world_size, accelerator)
    progress.parallel = len(slots)
    free_slots: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for slot in slots:
        free_slots.put(slot)

    def run(job: Job) -> Done | Failure:
        slot = free_slots.get()
        progress.begin(job)
        try:
            return run_isolated(replace(job, code=code_version()), processes, slot)
        finally:
            free_slots.put(slot)

    def follow(job: Job) -> Outcome:
        outcome = run_job(job, run)
        progress.end(job, outcome)
        return outcome

    with ThreadPoolExecutor(len(slots)) as threads:  # one thread per running job
        return list(threads.map(follow, jobs))
