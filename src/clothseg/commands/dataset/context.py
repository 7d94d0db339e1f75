"""Dataset, labels and settings that an action works on."""

from dataclasses import dataclass
from pathlib import Path

from clothseg.config.schema import DatasetTask
from clothseg.dataset import Reader
from clothseg.labels import LabelSpace


@dataclass(frozen=True)
class Context:
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
