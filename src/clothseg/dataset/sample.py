"""One image of a dataset with the place of its annotation."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """One photo with its annotation.

    Args:
        name: unique within the dataset; the stem of every file written for it.
        image: the photo.
        annotation: the file of its labels; all samples may have theirs in one file.
        source: the dataset that it comes from, where several are merged; else empty.
        part: `train`, `validation` or `test` where the release divides its photos; else empty.
    """

    name: str
    image: Path
    annotation: Path
    source: str = ""
    part: str = ""
