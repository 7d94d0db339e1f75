"""List of the jobs of a search while it runs, which `scripts/status.py` shows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from clothseg.error import DataError
from clothseg.files import json_bytes, update_bytes
from clothseg.jobs.search.study import Ending, Study
from clothseg.jobs.sweep_folder import PLAN, planned_job, read_plan
from clothseg.run.job import Job
from clothseg.run.record import Record


def list_trials(
    folder: Path, command: Sequence[str], total: int, study: Study, planned: Mapping[int, list[Job]]
) -> None:
    """List the folds of all trials that have begun; of pruned and failed ones, those that began.

    Call it under the lock of the search: other processes add their trials to the same list.

    Args:
        folder: folder of the search.
        command: overrides of the command.
        total: number of trials asked for.
        study: the trials.
        planned: folds of the trials that this process has planned, by number.

    Raises:
        WriteError: the file cannot be written.
    """
    trials = study.trials()
    listed = {
        number: [
            {**planned_job(job, folder), "name": f"trial {number}", "trial": number} for job in jobs
        ]
        for number, jobs in planned.items()
    }
    found = _jobs_of_others(folder, listed) | listed
    cut = {trial.number for trial in trials if trial.ending in ("pruned", "failed")}
    jobs = [
        job
        for number in sorted(found)
        for job in found[number]
        if number not in cut or Record(folder / job["run"]).status
    ]
    endings = Counter(trial.ending for trial in trials)
    counts = {"total": total} | {ending: endings[ending] for ending in get_args(Ending)}
    content = {"command": list(command), "jobs": jobs, "trials": counts}
    update_bytes(folder / PLAN, json_bytes(content))


def _jobs_of_others(folder: Path, own: Mapping[int, Any]) -> dict[int, list[Any]]:
    """Read the listed jobs of trials that this process has not planned; none from a bad file."""
    try:
        jobs = read_plan(folder / PLAN)["jobs"]
    except DataError:
        return {}
    found: dict[int, list[Any]] = {}
    for job in jobs:
        if "trial" in job and job["trial"] not in own:
            found.setdefault(job["trial"], []).append(job)
    return found
