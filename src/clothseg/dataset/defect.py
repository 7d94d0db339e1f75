"""What can be wrong with the files of a dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from clothseg.error import DataError

if TYPE_CHECKING:
    from clothseg.dataset.sample import Sample

DefectKind = Literal[
    "unreadable photo",
    "unreadable annotation",
    "label out of range",
    "interpolated label",
    "different sizes",
    "missing partner",
    "contradictory maps",
    "rotated photo",
]


class Defect(DataError):
    """One thing that is wrong with one file.

    Args:
        kind: what it is.
        file: where it is.
        value: what was found there, such as a label; empty where there is none.
        message: a sentence with the file, what is wrong and what is allowed.
    """

    def __init__(self, kind: DefectKind, file: Path, value: str, message: str) -> None:
        super().__init__(kind, file, value, message)  # as pickle calls it in another process
        self.kind, self.file, self.value, self.message = kind, file, value, message

    def __str__(self) -> str:
        """The message alone."""
        return self.message


@dataclass(frozen=True)
class SkippedSample:
    """A sample that is not trained on because of a defect, in plain values.

    Args:
        sample: its name; that of the file where annotation or photo stands alone.
        kind: what is wrong with it.
        file: where that is.
        value: what was found there.
        message: a sentence for people.
    """

    sample: str
    kind: str
    file: str
    value: str
    message: str

    @classmethod
    def of(cls, sample: str, defect: Defect) -> "SkippedSample":
        """A sample with one of its defects."""
        return cls(sample, defect.kind, str(defect.file), defect.value, defect.message)


class MissingPartnersError(DataError):
    """Annotations without their photo, or photos without their annotation.

    Args:
        there: the samples that are complete.
        defects: one for each that is not.
        message: what a command says that needs all of them, before what it says of the first.
    """

    def __init__(self, there: Sequence["Sample"], defects: Sequence[Defect], message: str) -> None:
        super().__init__(there, defects, message)
        self.there, self.defects, self.message = there, defects, message

    def __str__(self) -> str:
        """The message, and the first defect."""
        return f"{self.message}: {self.defects[0]}"


def missing_partners(
    there: Sequence["Sample"], alone: Mapping[Path, str], message: str
) -> MissingPartnersError:
    """The error for files without partner.

    Args:
        there: the samples that are complete.
        alone: what is to be said of each file.
        message: as of :class:`MissingPartnersError`.
    """
    defects = [
        Defect("missing partner", file, file.stem, f"{file}: {text}")
        for file, text in alone.items()
    ]
    return MissingPartnersError(there, defects, message)
