"""Dataset, labels and settings that an action works on."""

from dataclasses import dataclass
from pathlib import Path

from clothseg.config.settings import DatasetTask
from clothseg.dataset import Reader
from clothseg.labels import LabelSpace


@dataclass(frozen=True)
class Context:
    """Inputs of an action.

    Args:
        name: selected option of the config group `dataset`.
        reader: reader of the dataset.
        labels: label space.
        settings: settings of the command.
    """

    name: str
    reader: Reader
    labels: LabelSpace
    settings: DatasetTask

    @property
    def output(self) -> Path:
        """Output folder of the action for this dataset."""
        return Path(self.settings.output) / f"{self.name}-{self.labels.name}"
