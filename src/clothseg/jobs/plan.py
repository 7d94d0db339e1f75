"""Planning of jobs: from checked configurations to the run folder of each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clothseg import build
from clothseg.config.composition import Composed
from clothseg.dataset import Reader
from clothseg.dataset.cropped import cropped_readers
from clothseg.jobs.machine import Machine
from clothseg.run.job import Job
from clothseg.run.record import run_folder
from clothseg.screen import say


@dataclass
class Inputs:
    """Inputs of all jobs of a command, each of which is looked at once.

    Configurations of a command share equal parts, see :mod:`clothseg.config.composition`.
    """

    _readers: dict[str, Reader] = field(default_factory=dict)
    _fingerprints: dict[str, str] = field(default_factory=dict)
    _accepted: set[str] = field(default_factory=set)

    def reader(self, config: build.Config) -> Reader:
        """Return the reader of a configuration's dataset."""
        key = repr((config["dataset"], config["data"]["cache"]))
        if key not in self._readers:
            self._readers[key] = build.build_dataset(config)
        return self._readers[key]

    def fingerprint(self, config: build.Config) -> str:
        """Return the hash of the content of a configuration's dataset.

        Raises:
            DataError: the dataset cannot be read.
        """
        key = repr(config["dataset"])
        if key not in self._fingerprints:
            self._fingerprints[key] = self.reader(config).fingerprint()
        return self._fingerprints[key]

    def require(self, configs: Iterable[build.Config]) -> None:
        """Check the inputs of runs before anything heavy is imported or written.

        Raises:
            DataError: a dataset's folder is missing, has a different layout, or lacks an image.
            ConfigError: weights of a backbone or of a person detector are unavailable, or the
                service of a logger rejects the connection.
        """
        for config in configs:
            if self._is_new("backbone", config["backbone"]):
                build.call_target(config["backbone"])
            if self._is_new("dataset", config["dataset"]):
                reader = self.reader(config)
                reader.samples()
                for part in cropped_readers(reader):
                    part.boxes.require()
            if self._is_new("logger", config["logger"]):
                for tracker in build.build_trackers(config):
                    tracker.require()

    def _is_new(self, *part: Any) -> bool:
        known = len(self._accepted)
        self._accepted.add(repr(part))
        return len(self._accepted) > known


def plan_jobs(composed: Sequence[Composed], machine: Machine, inputs: Inputs) -> list[Job]:
    """Create the job of each configuration.

    Args:
        composed: checked configurations.
        machine: the resources that one job may use where it runs.
        inputs: the inputs of the command.

    Raises:
        ConfigError: the machine cannot run a configuration.
        DataError: a dataset cannot be read.
    """
    return [_plan(configuration, machine, inputs) for configuration in composed]


def _plan(composed: Composed, machine: Machine, inputs: Inputs) -> Job:
    world_size = machine.training_world_size(composed.config)
    fingerprint = inputs.fingerprint(composed.config)
    return Job(
        name=composed.name,
        folder=run_folder(composed.config, composed.choices, fingerprint, world_size),
        config=composed.config,
        choices=composed.choices,
        overrides=list(composed.overrides),
        world_size=world_size,
    )


def without_repeats(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs without those whose run is also that of an earlier job."""
    first: dict[Path, Job] = {}
    for job in jobs:
        if job is not first.setdefault(job.folder, job):
            other = first[job.folder]
            say(f"{job.title} is the same run as {other.title}; it runs only once")
    return list(first.values())
