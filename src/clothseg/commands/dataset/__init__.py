"""`scripts/dataset.py`: one module for each action.

A module `<action>.py` has a function ``act(context: Context) -> int`` that does the work, prints
what it wrote, and returns the exit status.
"""

from importlib import import_module

from clothseg import build
from clothseg.commands.dataset.context import Context
from clothseg.config.command_line import check_command
from clothseg.config.schema import DatasetTask, Preparation
from clothseg.dataset.listing import abbreviate
from clothseg.error import ConfigError
from clothseg.screen import say


def dataset_command(overrides: list[str]) -> int:
    """Do what the command line asks for; returns the exit status.

    Raises:
        ConfigError: the command line is wrong, or has an audit leave out what it is to find.
        DataError: the dataset cannot be read, or a file cannot be written.
    """
    composed = check_command(_drawable(overrides), "dataset", DatasetTask)[0]
    settings = DatasetTask(**composed.config)
    if settings.action == "audit" and Preparation.of(settings.dataset).on_error == "skip":
        raise ConfigError(["dataset.on_error=skip: an audit is there to find what it leaves out"])
    reader = build.build_dataset(composed.config)
    labels = build.build_labels(composed.config)
    if skipped_samples := reader.skipped_samples():
        names = abbreviate([each.sample for each in skipped_samples])
        say(f"warning: {len(skipped_samples)} samples with a defect are left out: {names}")
    context = Context(composed.choices["dataset"], reader, labels, settings)
    return import_module(f"clothseg.commands.dataset.{settings.action}").act(context)


def _drawable(overrides: list[str]) -> list[str]:
    """The command line, with some classes where a folder needs no labels.json yet."""
    if "dataset=folder" in overrides and {"action=draw", "action=download"} & set(overrides):
        return [*overrides, "labels=refined15", "dataset.names=${labels.gathers.BG}"]
    return overrides
