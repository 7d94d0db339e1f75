"""Inputs of the jobs of a command: checked once, and shared by all jobs."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from clothseg import build
from clothseg.backbone import Backbone, require_fit
from clothseg.config.run_config import RunConfig
from clothseg.config.source_code import code_hashes
from clothseg.dataset import Reader
from clothseg.dataset.cropped import cropped_readers
from clothseg.error import ConfigError, DataError, UserError, listed
from clothseg.run.contract import require_contract
from clothseg.run.job import Job
from clothseg.run.own_code import used_packages
from clothseg.run.record import Record
from clothseg.run.start import Start, open_start, start_config
from clothseg.split import Split
from clothseg.terminal.screen import say


@dataclass
class Inputs:
    """Datasets, weights and services of a command, each of which is checked and hashed once."""

    _readers: dict[str, Reader] = field(default_factory=dict)
    _fingerprints: dict[str, str] = field(default_factory=dict)
    _own_code: dict[str, dict[str, str]] = field(default_factory=dict)
    _starts: dict[str, Start] = field(default_factory=dict)
    _accepted: set[str] = field(default_factory=set)

    def reader(self, config: RunConfig) -> Reader:
        """Return the reader of a configuration's dataset."""
        key = repr((config.plain["dataset"], config.cache))
        if key not in self._readers:
            self._readers[key] = build.build_dataset(config)
        return self._readers[key]

    def fingerprint(self, config: RunConfig) -> str:
        """Return the hash of the content of a configuration's dataset.

        Raises:
            DataError: the dataset cannot be read.
        """
        key = repr(config.plain["dataset"])
        if key not in self._fingerprints:
            self._fingerprints[key] = self.reader(config).fingerprint()
        return self._fingerprints[key]

    def own_code(self, config: RunConfig) -> dict[str, str]:
        """Return the hash of each of the user's own packages that a run uses.

        Raises:
            DataError: its source cannot be read.
        """
        packages = used_packages(config)
        key = repr(packages)
        if key not in self._own_code:
            self._own_code[key] = code_hashes(packages)
        return self._own_code[key]

    def start(self, config: RunConfig) -> Start | None:
        """Return the run from whose network a training starts; None if it starts anew.

        Raises:
            ConfigError: there is no such run, or its network differs.
        """
        if config.init_from is None:
            return None
        groups = ("init_from", "model", "backbone", "data", "dataset")
        key = repr([config.plain[group] for group in groups])
        if key not in self._starts:
            recorded = start_config(config)
            same = self._is_same_dataset(config, recorded)
            self._starts[key] = open_start(config.init_from, recorded, same)
        return self._starts[key]

    def _is_same_dataset(self, config: RunConfig, recorded: RunConfig) -> bool:
        """Compare the files of two datasets, whatever their preparation."""
        if len({one.plain["dataset"]["_target_"] for one in (config, recorded)}) > 1:
            return False
        try:
            own, other = config.dataset(), recorded.dataset()
            if other.root == own.root or other.ready:  # nothing is rendered where a record says
                return bool(own.fingerprint() == other.fingerprint())
        except UserError:  # the dataset of the recorded run is not on this machine
            pass
        say(
            f"warning: the dataset of {config.init_from} cannot be read, so that nothing tells "
            "whether that run was trained with the test images of this one"
        )
        return False

    def require(self, configs: Iterable[RunConfig], several: bool = False) -> None:
        """Check the inputs of runs before anything heavy is imported or written.

        Args:
            configs: configurations of the runs, of which several may be folds of one.
            several: the command tries several configurations.

        Raises:
            DataError: a dataset's folder is missing, has a different layout, or lacks an image.
            ConfigError: weights of a backbone or of a person detector are unavailable or do not
                fit, `init_from` is no run of the same network, the service of a logger rejects the
                connection, or a network or loss of the user's own does not keep its contract.
        """
        backbones, parts = [], []
        for config in configs:
            plain = config.plain
            backbone = config.backbone() if self._is_new("backbone", plain["backbone"]) else None
            if isinstance(backbone, Backbone):  # a user's own function may return something else
                backbones.append(backbone)
            if self._is_new("dataset", plain["dataset"]):
                reader = self.reader(config)
                reader.samples()
                for part in cropped_readers(reader):
                    part.boxes.require()
            if self._is_new("logger", plain.get("logger")):
                for tracker in build.build_trackers(config):
                    tracker.require(several)
            self.start(config)
            groups = ("model", "backbone", "loss", "labels", "data", "trust")
            if self._is_new("parts", *(plain[group] for group in groups)):
                parts.append(config)
        for backbone in backbones:  # last, because it imports torch, which takes seconds
            require_fit(backbone)
        for config in parts:
            require_contract(config)

    def _is_new(self, *part: Any) -> bool:
        known = len(self._accepted)
        self._accepted.add(repr(part))
        return len(self._accepted) > known


def share_inputs(
    jobs: Sequence[Job], inputs: Inputs, begin: Callable[[], None] | None = None
) -> list[Job]:
    """Open each census and compute each split once, for the jobs that have not finished yet.

    Errors are found here, once, before any job starts.

    Args:
        jobs: jobs that will run on this machine.
        inputs: the inputs of the command, whose readers are used.
        begin: called first, unless all jobs have finished.

    Returns:
        The same jobs; those that still have to run have a census, and a split unless their record
        contains one.

    Raises:
        DataError: datasets are defective, or the disk is full; states every problem once.
        ConfigError: datasets cannot be split as configured; lists every problem once.
    """
    shared = list(jobs)
    datasets: dict[str, list[int]] = {}
    for number, job in enumerate(jobs):
        if not Record(job.folder).is_done(rerun=job.config.rerun):
            plain = job.config.plain
            key = json.dumps([plain["dataset"], plain["labels"], plain["data"]["cache"]])
            datasets.setdefault(key, []).append(number)
    if datasets and begin:
        begin()
    errors: list[UserError] = []
    for numbers in datasets.values():
        of_dataset = _share_census([jobs[number] for number in numbers], inputs, errors)
        for number, job in zip(numbers, of_dataset, strict=True):
            shared[number] = job
    if errors:
        raise _combined(errors)
    return shared


def _share_census(jobs: Sequence[Job], inputs: Inputs, errors: list[UserError]) -> list[Job]:
    """Open the census of jobs with one dataset and label space, and compute their splits."""
    configs = [job.config for job in jobs]
    whole = [config for config in configs if build.uses_whole_dataset(config)]
    forms = [form for config in whole for form in build.pixel_forms(config)]
    shared = list(jobs)
    try:
        census = build.open_census(configs[0], inputs.reader(configs[0]), forms)
    except UserError as error:
        errors.append(error)
        return shared
    except Exception:  # of a user's own reader: each job reports it, with a traceback in its log
        return shared
    splits: dict[str, Split] = {}
    for number, job in enumerate(jobs):
        key = json.dumps([job.config.plain["split"], job.config.data.max_train_images])
        frozen = _has_frozen_split(job)
        try:
            if not frozen and key not in splits:
                splits[key] = build.build_split(job.config, census)
        except ConfigError as error:
            errors.append(error)
        except Exception:  # of a user's own split
            shared[number] = replace(job, census=census.folder)
        else:
            split = None if frozen else splits[key]
            shared[number] = replace(job, census=census.folder, split=split)
    return shared


def _has_frozen_split(job: Job) -> bool:
    """True if the record contains the split that a job will use.

    A finished record, which the job repeats, is set aside with its split.
    """
    record = Record(job.folder)
    return (record.folder / "split.json").is_file() and not record.is_done()


def _combined(errors: Sequence[UserError]) -> UserError:
    """Combine errors into one that states each problem once."""
    problems = [error.problems for error in errors if isinstance(error, ConfigError)]
    if len(problems) == len(errors):
        return ConfigError(list(dict.fromkeys(text for texts in problems for text in texts)))
    return DataError("\n".join(listed([*dict.fromkeys(map(str, errors))])))
