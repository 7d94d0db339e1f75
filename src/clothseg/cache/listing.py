"""List of a census's samples with everything that the reader says about them, as a file."""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from clothseg.dataset.defect import SkippedSample
from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError
from clothseg.files import write_text
from clothseg.labels import LabelSpace

FILE = "samples.json"


@dataclass(frozen=True)
class Listing:
    """Samples of a dataset in a label space.

    Args:
        samples: the samples.
        class_names: names of the classes in id order.
        warnings: anomalies of the dataset's files that are not errors, one sentence each.
        skipped: defective samples that are excluded from `samples`.
    """

    samples: list[Sample]
    class_names: Sequence[str]
    warnings: Sequence[str]
    skipped: Sequence[SkippedSample]

    @classmethod
    def of(cls, reader: Reader, samples: list[Sample], labels: LabelSpace) -> "Listing":
        """Describe the samples of a reader."""
        return cls(samples, list(labels.names), reader.warnings(), reader.skipped_samples())

    def write(self, folder: Path) -> None:
        """Write the listing to a census folder, unless it is there.

        Paths become absolute, so that a process with another working folder can read the file.
        """
        here = f"{Path.cwd()}{os.sep}"
        content = {
            "class_names": self.class_names,
            "name": [sample.name for sample in self.samples],
            # os.path.join is several times as fast as Path.absolute, and equal to it.
            "image": [os.path.join(here, sample.image) for sample in self.samples],
            "annotation": [os.path.join(here, s.annotation) for s in self.samples],
            "source": [sample.source for sample in self.samples],
            "part": [sample.part for sample in self.samples],
            "warnings": self.warnings,
            "skipped": [asdict(sample) for sample in self.skipped],
        }
        path, text = folder / FILE, json.dumps(content)
        with suppress(OSError, UnicodeDecodeError):
            if path.read_text() == text:
                return
        write_text(path, text)

    @classmethod
    def read(cls, folder: Path) -> "Listing":
        """Read the listing of a census folder.

        Raises:
            DataError: the file is missing or damaged.
        """
        path = folder / FILE
        try:
            content = json.loads(path.read_text())
            columns = [content[key] for key in ("name", "image", "annotation", "source", "part")]
            samples = [
                Sample(name, Path(image), Path(annotation), source, part)
                for name, image, annotation, source, part in zip(*columns, strict=True)
            ]
            skipped = [SkippedSample(**row) for row in content["skipped"]]
            return cls(samples, content["class_names"], content["warnings"], skipped)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DataError(f"{path} is missing or damaged ({error}); {REMEDY}") from error


REMEDY = "repeat the command, which builds the census again"
