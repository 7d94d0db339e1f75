"""Inputs that the jobs of a sweep share: censuses of the datasets, and splits."""

import json
from collections.abc import Sequence
from dataclasses import replace

from clothseg import build
from clothseg.run.job import Job
from clothseg.run.record import Record


def share_inputs(jobs: Sequence[Job]) -> list[Job]:
    """Open each census and compute each split once, for the jobs that have not finished yet.

    Errors are found here, once, before any job starts.

    Args:
        jobs: jobs that will run on this machine.

    Returns:
        The same jobs; those that still have to run have a census, and a split unless their record
        contains one.

    Raises:
        DataError: a dataset is defective, or the disk is full.
        ConfigError: a dataset cannot be split as configured.
    """
    shared = list(jobs)
    datasets: dict[str, list[int]] = {}
    for number, job in enumerate(jobs):
        if not Record(job.folder).is_done(rerun=job.config["rerun"]):
            config = job.config
            key = json.dumps([config["dataset"], config["labels"], config["data"]["cache"]])
            datasets.setdefault(key, []).append(number)
    for numbers in datasets.values():
        for number, job in zip(numbers, _share_census([jobs[n] for n in numbers]), strict=True):
            shared[number] = job
    return shared


def _share_census(jobs: Sequence[Job]) -> list[Job]:
    """Open the census of jobs with one dataset and label space, and compute their splits."""
    configs = [job.config for job in jobs]
    sizes = [config["data"]["image_size"] for config in configs if build.uses_whole_dataset(config)]
    census = build.open_census(configs[0], build.build_dataset(configs[0]), sizes)
    shared = []
    for job in jobs:
        split = None
        if not _has_frozen_split(job):
            split = build.build_split(job.config, census)
            split.require_batch(job.config["data"]["batch_size"])
        shared.append(replace(job, census=census.folder, split=split))
    return shared


def _has_frozen_split(job: Job) -> bool:
    """True if the record contains the split that a job will use.

    A finished record, which the job repeats, is set aside with its split.
    """
    record = Record(job.folder)
    return (record.folder / "split.json").is_file() and not record.is_done()
