"""Folder of a sweep beside its runs, and the list of its jobs."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from clothseg.error import UserError
from clothseg.files import json_bytes, update_bytes
from clothseg.jobs.command_tag import command_tag
from clothseg.json_file import STRICT, Count, Plain, read_json
from clothseg.run.folders import configuration_folder
from clothseg.run.job import Job
from clothseg.run.record import Record

PLAN = "sweep.json"
"""Name of the file with the jobs of a sweep."""


@with_config(STRICT)
class PlannedJob(TypedDict):
    """Job of a sweep; `run` is its folder, relative to that of the sweep."""

    name: str
    fold: Count | None
    run: str
    trial: NotRequired[Count]


@with_config(STRICT)
class CountedTrials(TypedDict):
    """Numbers of trials of a search: all of them, and those that have ended."""

    total: Count
    complete: Count
    pruned: Count
    failed: Count


@with_config(STRICT)
class Plan(TypedDict):
    """Content of `sweep.json`; only a search has trials, and only the jobs of those that began."""

    command: list[str]
    jobs: list[PlannedJob]
    trials: NotRequired[CountedTrials]


@dataclass(frozen=True)
class SweepFolder:
    """Folder of a sweep, which the same command finds again.

    It is ``<output>/<dataset>-<labels>/sweep-<hash>/``, or ``<output>/sweep-<hash>/`` for several
    datasets or label spaces.

    Args:
        overrides: arguments of the command of the form key=value.
        output: folder of all results.
    """

    overrides: Sequence[str]
    output: Path

    @property
    def name(self) -> str:
        """Name of the folder, with the hash by which W&B finds its runs, too."""
        return f"sweep-{command_tag(self.overrides).rpartition('-')[2]}"

    def path(self, runs: Iterable[Path]) -> Path:
        """Return the folder.

        Args:
            runs: folders of its runs.
        """
        parents = {configuration_folder(run).parent.parent for run in runs}
        return (parents.pop() if len(parents) == 1 else self.output) / self.name

    @contextmanager
    def planned(self, jobs: Sequence[Job]) -> Iterator[None]:
        """List the jobs of the sweep in a file while they run, and afterwards.

        If all have finished before, nothing is written. If an error refuses them, a new file is
        removed again.

        Args:
            jobs: all jobs that are known so far.

        Raises:
            WriteError: the file cannot be written.
        """
        if all(Record(job.folder).is_done(rerun=job.config.rerun) for job in jobs):
            yield
            return
        path = self.path(job.folder for job in jobs) / PLAN
        is_new = not path.exists()
        new = [folder for folder in path.parents if not folder.exists()]
        planned = [planned_job(job, path.parent) for job in jobs]
        update_bytes(path, json_bytes({"command": list(self.overrides), "jobs": planned}))
        try:
            yield
        except UserError:
            if is_new:
                path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # one is not empty
                for folder in new:
                    folder.rmdir()
            raise


def planned_job(job: Job, folder: Path) -> dict[str, Any]:
    """Describe a job in the list of a sweep or a search with this folder."""
    return {"name": job.name, "fold": job.fold, "run": os.path.relpath(job.folder, folder)}


def read_plan(path: Path) -> Plain:
    """Read the jobs of a sweep.

    Raises:
        DataError: the file is missing or damaged.
    """
    return read_json(path, Plan, "the command of the sweep writes it again")
