"""Does one action with a dataset."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from clothseg import build
from clothseg.check import Composed, check_command
from clothseg.dataset import Reader
from clothseg.dataset.listing import some
from clothseg.error import ConfigError
from clothseg.labels import LabelSpace
from clothseg.report.progress import say
from clothseg.schema import DatasetTask, Preparation


@dataclass(frozen=True)
class Task:
    """What an action works on.

    Args:
        name: the chosen option of the group `dataset`.
        reader: the dataset.
        labels: the label space.
        settings: the keys of the command line.
    """

    name: str
    reader: Reader
    labels: LabelSpace
    settings: DatasetTask

    @property
    def output(self) -> Path:
        """Folder of what the action writes about this dataset."""
        return Path(self.settings.output) / f"{self.name}-{self.labels.name}"


def dataset_command(overrides: list[str]) -> int:
    """Do what the command line asks for; returns the exit status.

    Raises:
        ConfigError: the command line is wrong, or has an audit leave out what it is to find.
        DataError: the dataset cannot be read, or a file cannot be written.
    """
    composed: Composed = check_command(_drawable(overrides), "dataset", DatasetTask)[0]
    settings = DatasetTask(**composed.config)
    if settings.action == "audit" and Preparation.of(settings.dataset).on_error == "skip":
        raise ConfigError(["dataset.on_error=skip: an audit is there to find what it leaves out"])
    reader = build.build_dataset(composed.config)
    labels = build.build_labels(composed.config)
    if left_out := reader.left_out():
        names = some([each.sample for each in left_out])
        say(f"warning: {len(left_out)} samples with a defect are left out: {names}")
    task = Task(composed.choices["dataset"], reader, labels, settings)
    return import_module(f"clothseg.dataset_actions.{settings.action}").act(task)


def _drawable(overrides: list[str]) -> list[str]:
    """The command line, with some classes where a folder needs no labels.json yet."""
    if "dataset=folder" in overrides and {"action=draw", "action=download"} & set(overrides):
        return [*overrides, "labels=refined15", "dataset.names=${labels.gathers.BG}"]
    return overrides
