"""Base class of readers that delegate to another reader."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from clothseg.dataset.defect import Defect, SkippedSample
from clothseg.dataset.reader import Inspection, Reader
from clothseg.dataset.sample import Sample


class DelegatingReader(Reader):
    """Delegates every method to another reader; subclasses override some of them.

    Args:
        reader: the dataset.
    """

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader.root, reader.names)
        self.reader, self.treatment = reader, reader.treatment

    @property
    def ready(self) -> bool:
        """True if the images exist."""
        return self.reader.ready

    @property
    def background_id(self) -> int:
        """Id of the background in the annotation files."""
        return self.reader.background_id

    def list_samples(self) -> list[Sample]:
        """All annotated images."""
        return self.reader.samples()

    def read_mask(self, sample: Sample) -> np.ndarray:
        """Source ids uint8 [H,W] of one sample."""
        return self.reader.read_mask(sample)

    def inspect(self, sample: Sample) -> Inspection:
        """Image, source ids and defects of one sample."""
        return self.reader.inspect(sample)

    def further_defects(self, sample: Sample) -> Sequence[Defect]:
        """Defects of the files other than image and mask."""
        return self.reader.further_defects(sample)

    def skipped_samples(self) -> Sequence[SkippedSample]:
        """Defective samples that are excluded from the samples."""
        return self.reader.skipped_samples()

    def objects(self, sample: Sample) -> list[tuple[int, int]] | None:
        """Source id and area of each object."""
        return self.reader.objects(sample)

    @property
    def further_names(self) -> Mapping[str, Sequence[str]]:
        """Names of the values of the further maps."""
        return self.reader.further_names

    def further_maps(self, sample: Sample) -> Mapping[str, np.ndarray]:
        """Further maps of one sample."""
        return self.reader.further_maps(sample)

    @property
    def has_people(self) -> bool:
        """True if the annotations tell people apart."""
        return self.reader.has_people

    def person_map(self, sample: Sample) -> np.ndarray:
        """Number of the person of each pixel."""
        return self.reader.person_map(sample)

    def files(self, sample: Sample) -> list[Path]:
        """All files that determine a sample."""
        return self.reader.files(sample)

    def prepare(self) -> None:
        """Prepare the underlying reader."""
        self.reader.prepare()

    def sample_warnings(self, sample: Sample) -> list[str]:
        """Anomalies of one sample without defects."""
        return self.reader.sample_warnings(sample)

    def warnings(self) -> list[str]:
        """Anomalies of the dataset's files."""
        return self.reader.warnings()

    def fingerprint(self) -> str:
        """Hash of the content."""
        return self.reader.fingerprint()
