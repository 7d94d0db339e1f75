"""One image of a dataset and the path of its annotation."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """One image with its annotation.

    Args:
        name: unique within the dataset; stem of every file written for the sample.
        image: path of the image.
        annotation: path of the file with its labels; all samples may share one file.
        source: the dataset it comes from if several are merged; else empty.
        part: `train`, `validation` or `test` if the release has a split; else empty.
    """

    name: str
    image: Path
    annotation: Path
    source: str = ""
    part: str = ""


def is_utf8(name: str) -> bool:
    """Tell whether a name of a file can be written into tables and figures.

    Python shows each byte of a name in another encoding as half of a character.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
