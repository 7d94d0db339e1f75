"""Statistics of datasets, as `scripts/dataset.py action=statistics` writes them."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from clothseg.commands.tables.shelf import Shelf
from clothseg.config.table.experiment import default_labels, root_overrides
from clothseg.error import DataError
from clothseg.json_file import STRICT, Count, Plain, read_json

NAME = "statistics.json"


@with_config(STRICT)
class ClassCounts(TypedDict):
    """Counts of a class."""

    name: str
    pixels: Count
    images: Count
    instances: Count
    mean_area_share: float | None


@with_config(STRICT)
class StatisticsFile(TypedDict):
    """Content of `statistics.json`; those of earlier versions lack some keys."""

    images: Count
    classes: list[ClassCounts]
    classes_by_subset: NotRequired[dict[str, list[ClassCounts]]]
    fingerprint: NotRequired[str]
    division: NotRequired[str | None]


@dataclass(frozen=True)
class Counted:
    """Statistics of a dataset.

    Args:
        dataset: option of `conf/dataset`.
        shelf: folder of the runs, and settings.
        run: run whose split divides the statistics; None for the whole dataset.
    """

    dataset: str
    shelf: Shelf
    run: Path | None = None

    @classmethod
    def of(cls, dataset: str, shelf: Shelf, run: Path | None = None) -> "Counted":
        """Create the statistics of a dataset, or of the one that the command puts in its place."""
        return cls(str(shelf.settings.changes.get("dataset", dataset)), shelf, run)

    @property
    def report(self) -> Path:
        """Folder of everything that `scripts/dataset.py` writes about the dataset."""
        name = f"{self.dataset}-{default_labels(self.dataset)}"
        return Path(self.shelf.settings.runs) / name

    @property
    def folder(self) -> Path:
        """Folder of the statistics."""
        return self.report / "statistics"

    def read(self) -> Plain | None:
        """Read the statistics; None if there are none.

        Raises:
            DataError: the file is damaged.
        """
        path = self.folder / NAME
        return read_json(path, StatisticsFile, "delete it") if path.is_file() else None

    def problem(self, fingerprint: str, division: str) -> str:
        """Reason why the statistics are not those of a run; empty if they are.

        Args:
            fingerprint: that of the run's dataset.
            division: that of the run's split.
        """
        try:
            content = self.read()
        except DataError as error:
            return str(error)
        if content is None:
            return "the dataset is not counted yet"
        if content.get("fingerprint") != fingerprint:
            return f"{self.folder / NAME} counts other data than the runs have"
        if content.get("division") != division:
            return f"{self.folder / NAME} counts another split than the runs have"
        return ""

    def words(self, action: str = "statistics") -> Sequence[str]:
        """Arguments of the command that counts or draws."""
        split = [] if self.run is None else [f"split={self.run}"]
        roots = root_overrides(self.dataset, self.shelf.folders)
        output = f"output={self.shelf.settings.runs}"
        return [f"action={action}", f"dataset={self.dataset}", *roots, *split, output]

    def command(self, action: str = "statistics") -> str:
        """Command line that counts or draws."""
        return shlex.join(["python", "scripts/dataset.py", *self.words(action)])

    def note(self, content: Any) -> str:
        """Describe the counted data for a note."""
        fingerprint = str(content.get("fingerprint", "unknown"))[:8]
        return (
            f"counted in {content['images']:,} images of {self.dataset}, fingerprint {fingerprint}"
        )
