"""The jobs of a sweep on this machine, several at a time."""

import math
import queue
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from joblib import Parallel, delayed

from clothseg.ending import Done, Failure
from clothseg.job import Job
from clothseg.machine import Machine
from clothseg.outcome import Outcome, do_apart, do_job
from clothseg.process import Processes


def do_jobs(jobs: Sequence[Job], machine: Machine, at_once: int | None) -> list[Outcome]:
    """Do jobs in processes of their own; returns what became of them, in their order.

    What another starter of the same sweep does at the moment is left for the end and then waited
    for, so that both end with all results. Ctrl-C ends the running jobs in order.

    Args:
        jobs: what is to be done.
        machine: what they share.
        at_once: number of jobs that run at the same time; None decides by the machine.
    """
    processes = Processes()
    with processes.stopped_by_signals():
        outcomes = _do(jobs, processes, machine, at_once)
        left = [n for n, outcome in enumerate(outcomes) if outcome.result == "elsewhere"]
        waiting = [replace(jobs[n], wait=math.inf) for n in left]
        last = _do(waiting, processes, machine, at_once)
    for number, outcome in zip(left, last, strict=True):
        outcomes[number] = outcome
    return outcomes


def _do(
    jobs: Sequence[Job], processes: Processes, machine: Machine, at_once: int | None
) -> list[Outcome]:
    if not jobs:
        return []
    ranks = max(job.ranks for job in jobs)
    gpu = any(job.config["trainer"]["accelerator"] != "cpu" for job in jobs)
    places = machine.places(at_once, ranks, "auto" if gpu else "cpu")
    free: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for place in places:
        free.put(place)

    def run(job: Job) -> Done | Failure:
        place = free.get()
        try:
            return do_apart(job, processes, place)
        finally:
            free.put(place)

    # Threads, each of which follows the processes of one job.
    in_turn = Parallel(n_jobs=len(places), backend="threading")
    return list(in_turn(delayed(do_job)(job, run) for job in jobs))
