"""Jobs: one run of a command line, with the folder of its record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothseg.config.run_config import RunConfig
from clothseg.run.content import DERIVED, missing_files
from clothseg.run.start import Start

if TYPE_CHECKING:
    from clothseg.split import Split


@dataclass(frozen=True)
class Job:
    """Everything needed to execute one run, as plain values that can be sent to other processes.

    Args:
        name: display name of the configuration.
        folder: run folder.
        config: the checked configuration.
        choices: the selected option of each group.
        overrides: overrides of the command line.
        world_size: number of processes of the run.
        code: commit of the code, see :func:`clothseg.run.environment.code_version`; None lets the
            process of the job ask.
        fingerprint: hash of the dataset's content.
        own_code: hashes of the user's own packages that the run uses, see
            :mod:`clothseg.run.own_code`.
        wait: seconds to wait for another process that executes the same run before giving up.
        census: folder of the dataset's census, if the process that created the job has opened it;
            else the run lists and counts the dataset.
        start: the run from whose network the training starts; None for `init_from=null`.
        split: the split, if that process has computed it; a frozen split of the run has precedence.
        alone: the command has no other fold of its configuration.
    """

    name: str
    folder: Path
    config: RunConfig
    choices: Mapping[str, Any]
    overrides: list[str]
    world_size: int = 1
    code: Mapping[str, Any] | None = None
    fingerprint: str = ""
    own_code: Mapping[str, str] = field(default_factory=dict)
    wait: float = 0
    census: Path | None = None
    start: Start | None = None
    split: "Split | None" = None
    alone: bool = False

    @property
    def fold(self) -> int | None:
        """Index of the test fold; None for a split without folds."""
        return self.config.fold

    @property
    def folds(self) -> int | None:
        """Number of folds; None for a split without folds."""
        return self.config.folds

    @property
    def configuration_folder(self) -> Path:
        """Folder of its configuration, which contains the folders of all folds."""
        return self.folder if self.fold is None else self.folder.parent

    @property
    def title(self) -> str:
        """Display name of the run."""
        return self.name if self.fold is None else f"{self.name} fold {self.fold}"


def missing_results(job: Job) -> list[str]:
    """Names of the files of a finished run that are to be written again.

    Without `report.figures=all` figures are not drawn, and so not drawn again.
    """
    draws = job.config.report.figures == "all"
    wanted = [name for name in DERIVED if draws or not name.endswith(".png")]
    return missing_files(job.folder, wanted)
