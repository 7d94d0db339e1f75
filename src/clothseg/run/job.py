"""One run that is to be done: what a command line asks for, and where its record is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clothseg import build
from clothseg.run.record import run_folder


@dataclass(frozen=True)
class Job:
    """What is needed to do one run; plain values, so that it travels to other processes.

    Args:
        name: what its configuration is called on the screen.
        folder: its run folder.
        config: the resolved configuration.
        choices: the chosen option of each group.
        overrides: the command line that made it.
        world_size: processes that do it together.
        wait: seconds to wait for another process that does the same run, before it is left to
            that one.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]
    choices: Mapping[str, Any]
    overrides: list[str]
    world_size: int = 1
    wait: float = 0

    @property
    def fold(self) -> int | None:
        """The fold that is tested; None for a split without folds."""
        return self.config["split"].get("fold")

    @property
    def folds(self) -> int | None:
        """How many folds there are; None for a split without folds."""
        return self.config["split"].get("folds")

    @property
    def title(self) -> str:
        """What the run is called on the screen."""
        return self.name if self.fold is None else f"{self.name} fold {self.fold}"


def plan(
    name: str,
    config: Mapping[str, Any],
    choices: Mapping[str, Any],
    overrides: list[str],
    world_size: int,
    known: dict[str, str],
) -> Job:
    """The job of a configuration.

    Args:
        name: what it is called on the screen.
        config: the resolved configuration.
        choices: the chosen option of each group.
        overrides: the command line that made it.
        world_size: processes that do it together.
        known: fingerprints of datasets by their configuration, which is added to: the jobs of a
            sweep share one dataset, and to look at all of its files takes a while.

    Raises:
        DataError: the dataset cannot be read.
    """
    dataset = json.dumps(config["dataset"])
    if dataset not in known:
        known[dataset] = build.build_dataset(config).fingerprint()
    folder = run_folder(config, choices, known[dataset], world_size)
    return Job(name, folder, config, choices, overrides, world_size)
