"""The jobs of a sweep on this machine, several at a time."""

import math
import queue
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from clothseg.jobs.ending import Done, Failure
from clothseg.jobs.machine import Machine
from clothseg.jobs.outcome import Outcome, run_isolated, run_job
from clothseg.jobs.process import Processes
from clothseg.run.job import Job


def run_jobs(jobs: Sequence[Job], machine: Machine, max_parallel: int | None) -> list[Outcome]:
    """Do jobs in processes of their own; returns what became of them, in their order.

    What another starter of the same sweep does at the moment is left for the end and then waited
    for, so that both end with all results. Ctrl-C ends the running jobs in order.

    Args:
        jobs: what is to be done.
        machine: what they share.
        max_parallel: number of jobs that run at the same time; None decides by the machine.
    """
    processes = Processes()
    with processes.stopped_by_signals():
        outcomes = _do(jobs, processes, machine, max_parallel)
        left = [n for n, outcome in enumerate(outcomes) if outcome.result == "elsewhere"]
        waiting = [replace(jobs[n], wait=math.inf) for n in left]
        last = _do(waiting, processes, machine, max_parallel)
    for number, outcome in zip(left, last, strict=True):
        outcomes[number] = outcome
    return outcomes


def _do(
    jobs: Sequence[Job], processes: Processes, machine: Machine, max_parallel: int | None
) -> list[Outcome]:
    if not jobs:
        return []
    world_size = max(job.world_size for job in jobs)
    gpu = any(job.config["trainer"]["accelerator"] != "cpu" for job in jobs)
    slots = machine.slots(max_parallel, world_size, "auto" if gpu else "cpu")
    free: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for slot in slots:
        free.put(slot)

    def run(job: Job) -> Done | Failure:
        slot = free.get()
        try:
            return run_isolated(job, processes, slot)
        finally:
            free.put(slot)

    with ThreadPoolExecutor(len(slots)) as threads:  # each follows the processes of one job
        return list(threads.map(lambda job: run_job(job, run), jobs))
