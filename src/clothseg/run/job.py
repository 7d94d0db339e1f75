"""Jobs: one run of a command line, with the folder of its record."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clothseg.split import Split


@dataclass(frozen=True)
class Job:
    """Everything needed to execute one run, as plain values that can be sent to other processes.

    Args:
        name: display name of the configuration.
        folder: run folder.
        config: the resolved configuration.
        choices: the selected option of each group.
        overrides: overrides of the command line.
        world_size: number of processes of the run.
        code: commit of the code, see :func:`clothseg.run.environment.code_version`; None lets the
            process of the job ask.
        wait: seconds to wait for another process that executes the same run before giving up.
        census: folder of the dataset's census, if the process that created the job has opened it;
            else the run lists and counts the dataset.
        split: the split, if that process has computed it; a frozen split of the run has precedence.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]
    choices: Mapping[str, Any]
    overrides: list[str]
    world_size: int = 1
    code: Mapping[str, Any] | None = None
    wait: float = 0
    census: Path | None = None
    split: "Split | None" = None

    @property
    def fold(self) -> int | None:
        """Index of the test fold; None for a split without folds."""
        return self.config["split"].get("fold")

    @property
    def folds(self) -> int | None:
        """Number of folds; None for a split without folds."""
        return self.config["split"].get("folds")

    @property
    def figures(self) -> str:
        """Figures to draw: `all`, `summary` or `none`."""
        return str(self.config.get("report", {}).get("figures", "all"))

    @property
    def title(self) -> str:
        """Display name of the run."""
        return self.name if self.fold is None else f"{self.name} fold {self.fold}"
