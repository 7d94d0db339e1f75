"""Implementation of `scripts/dataset.py`, one module per action.

Each module `<action>` defines ``act(context: Context) -> int``, which performs the action, prints
the paths it wrote, and returns the exit status.
"""

from importlib import import_module

from clothseg import build
from clothseg.commands.dataset.context import Context
from clothseg.config.command_line import check_dataset
from clothseg.config.settings import DatasetTask
from clothseg.error import ConfigError, abbreviate
from clothseg.terminal.screen import say


def dataset_command(overrides: list[str]) -> int:
    """Run the action given on the command line; return the exit status.

    Raises:
        ConfigError: the command line is invalid, or an audit is configured to skip defects.
        DataError: the dataset cannot be read, or a file cannot be written.
    """
    composed = check_dataset(_add_placeholder_classes(overrides))
    config = composed.config
    settings = DatasetTask(**config.plain)
    if settings.action == "audit" and config.preparation.on_error == "skip":
        raise ConfigError(
            ["dataset.on_error=skip: an audit reports defects, it cannot skip them; use stop"]
        )
    reader = build.build_dataset(config)
    if skipped_samples := reader.skipped_samples():
        names = abbreviate([skipped.sample for skipped in skipped_samples])
        say(f"warning: skipping {len(skipped_samples)} defective samples: {names}")
    context = Context(composed.choices["dataset"], reader, config.labels, settings)
    action = import_module(f"clothseg.commands.dataset.{settings.action}")
    status: int = action.act(context)
    return status


def _add_placeholder_classes(overrides: list[str]) -> list[str]:
    """Add placeholder classes for a folder without labels.json that is about to be filled."""
    if "dataset=folder" in overrides and {"action=draw", "action=download"} & set(overrides):
        return [*overrides, "labels=refined15", "dataset.names=${labels.gathers.BG}"]
    return overrides
