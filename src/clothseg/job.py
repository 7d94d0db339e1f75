"""What is handed to the process that does a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """What is needed to do one run; plain values, so that it travels to another process.

    Args:
        name: what the run is called on the screen.
        folder: its run folder.
        config: the resolved configuration.
        choices: the chosen option of each group.
        overrides: the command line that made it.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]
    choices: Mapping[str, str]
    overrides: list[str]
