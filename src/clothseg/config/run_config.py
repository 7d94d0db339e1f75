"""Checked configuration of a run, as typed values."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from clothseg.config.call import Call, call_of
from clothseg.config.consistency import selection_problems
from clothseg.config.schema import (
    NO_METRIC,
    NO_POSTPROCESS,
    SEMANTIC,
    Data,
    Execution,
    Metric,
    Preparation,
    RunReport,
)
from clothseg.config.validation import config_problems
from clothseg.error import ConfigError
from clothseg.labels import LabelSpace
from clothseg.task import Task


@dataclass(frozen=True)
class DatasetConfig:
    """Checked configuration of a dataset and of the labels of its masks.

    Args:
        plain: plain containers without interpolations, as in records and signatures.
    """

    plain: Mapping[str, Any]

    @cached_property
    def dataset(self) -> Call:
        """Factory of the reader, without preparation."""
        return call_of(self.plain["dataset"], self.trust, without=[*Preparation.model_fields])

    @cached_property
    def preparation(self) -> Preparation:
        """Preparation of samples; records of earlier versions lack some keys."""
        return Preparation.of(self.plain["dataset"])

    @cached_property
    def labels(self) -> LabelSpace:
        """Label space of the masks."""
        return LabelSpace(**self.plain["labels"])

    @property
    def cache(self) -> Path:
        """Folder of everything that is computed from the images."""
        return Path(self.plain["data"]["cache"])

    @property
    def trust(self) -> list[str]:
        """Packages whose functions may be used as a `_target_`."""
        return list(self.plain["trust"])


@dataclass(frozen=True)
class RunConfig(DatasetConfig):
    """Checked configuration of a run, see :meth:`of`."""

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "RunConfig":
        """Check a configuration that was not checked with a command line.

        Raises:
            ConfigError: lists all schema violations, including untrusted targets, or says that no
                callback selects the best epoch.
        """
        problems = config_problems(plain) or selection_problems(plain)
        if problems:
            raise ConfigError(problems)
        return cls(plain)

    def changed(self, **groups: Mapping[str, Any]) -> "RunConfig":
        """Check a copy with other values of some keys of groups.

        Raises:
            ConfigError: lists all schema violations.
        """
        merged = {name: {**self.plain[name], **values} for name, values in groups.items()}
        return RunConfig.of({**self.plain, **merged})

    def __reduce__(self) -> tuple[type["RunConfig"], tuple[Mapping[str, Any]]]:
        """Send only plain values to other processes."""
        return RunConfig, (self.plain,)

    @cached_property
    def split(self) -> Call:
        """Function that splits the samples."""
        return self._call("split")

    @cached_property
    def augmentation(self) -> Call:
        """Factory of the augmentation of training images."""
        return self._call("augmentation")

    @cached_property
    def task(self) -> Task:
        """Task of the network; older records have none."""
        chosen: Task = call_of(self.plain.get("task", SEMANTIC), self.trust)()
        return chosen

    @cached_property
    def model(self) -> Call:
        """Factory of the network."""
        return self._call("model")

    @cached_property
    def backbone(self) -> Call:
        """Factory of the encoder's settings."""
        return self._call("backbone")

    @cached_property
    def loss(self) -> Call:
        """Factory of the loss."""
        return self._call("loss")

    @cached_property
    def optimizer(self) -> Call:
        """Factory of the optimizer."""
        return self._call("optimizer")

    @cached_property
    def scheduler(self) -> Call:
        """Factory of the learning rate schedule."""
        return self._call("scheduler")

    @cached_property
    def trainer(self) -> Call:
        """Factory of the trainer."""
        return self._call("trainer")

    @cached_property
    def postprocess(self) -> Call:
        """Factory of the conversion of logits to classes; older records have none."""
        return call_of(self.plain.get("postprocess", NO_POSTPROCESS), self.trust)

    @cached_property
    def callbacks(self) -> dict[str, Call]:
        """Factories of callbacks by name."""
        return self._calls("callbacks")

    @cached_property
    def logger(self) -> dict[str, Call]:
        """Factories of loggers by name; older records have none."""
        return self._calls("logger")

    @cached_property
    def execution(self) -> Execution:
        """Settings of the trainer that are also read elsewhere; older records lack some."""
        return Execution.of(self.plain["trainer"])

    @cached_property
    def data(self) -> Data:
        """Settings of the input pipeline."""
        return Data(**self.plain["data"])

    @cached_property
    def report(self) -> RunReport:
        """Settings of the report; older records have none."""
        return RunReport(**self.plain.get("report", {}))

    @cached_property
    def metric(self) -> Metric:
        """Scores in addition to those of validation and test; older records have none."""
        return Metric(**self.plain.get("metric", NO_METRIC))

    @property
    def monitor(self) -> str:
        """Metric that selects the best epoch."""
        return str(self.callbacks["checkpoints"].arguments["monitor"])

    @property
    def keeps_last_checkpoint(self) -> bool:
        """True if a finished run keeps the state to resume from."""
        return bool(self.callbacks["checkpoints"].arguments.get("keep_last", False))

    @property
    def fold(self) -> int | None:
        """Index of the test fold; None for a split without folds."""
        return self._optional("fold")

    @property
    def folds(self) -> int | None:
        """Number of folds; None for a split without folds."""
        return self._optional("folds")

    @property
    def seed(self) -> int:
        """Seed of initial weights, sample order, augmentation and dropout."""
        return int(self.plain["seed"])

    @property
    def output(self) -> Path:
        """Folder of all run records."""
        return Path(self.plain["output"])

    @property
    def rerun(self) -> bool:
        """True to train again even if the run is done."""
        return bool(self.plain["rerun"])

    @property
    def init_from(self) -> Path | None:
        """Folder of a run from whose best epoch the network starts; older records have none."""
        folder = self.plain.get("init_from")
        return None if folder is None else Path(folder)

    @property
    def rerun_from(self) -> str | None:
        """Folder of a run whose recorded configuration is run again."""
        folder: str | None = self.plain["rerun_from"]
        return folder

    def _call(self, group: str) -> Call:
        return call_of(self.plain[group], self.trust)

    def _calls(self, group: str) -> dict[str, Call]:
        nodes = self.plain.get(group, {})
        return {name: call_of(node, self.trust) for name, node in nodes.items()}

    def _optional(self, key: str) -> int | None:
        value = self.plain["split"].get(key)
        return value if isinstance(value, int) else None
