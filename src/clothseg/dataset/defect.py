"""Defects of dataset files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from clothseg.error import DataError
from clothseg.terminal.streams import harmless

if TYPE_CHECKING:
    from clothseg.dataset.sample import Sample

DefectKind = Literal[
    "unreadable image",
    "unreadable annotation",
    "label out of range",
    "interpolated label",
    "different sizes",
    "missing partner",
    "contradictory maps",
    "rotated image",
    "fewer than two classes",
]


class Defect(DataError):
    """One problem with one file.

    Value and message may contain names that files made by others state, or have; they end up in
    tables, pages and figures, so that control characters and halves of characters are escaped.

    Args:
        kind: of the problem.
        file: the defective file.
        value: the offending value, such as a label; empty if there is none.
        message: a sentence that names the file, the problem and the allowed values.
    """

    def __init__(self, kind: DefectKind, file: Path, value: str, message: str) -> None:
        super().__init__(kind, file, value, message)  # the arguments with which pickle rebuilds it
        self.kind, self.file = kind, file
        self.value, self.message = harmless(value), harmless(message)

    def __str__(self) -> str:
        """Return the message alone."""
        return self.message


@dataclass(frozen=True)
class SkippedSample:
    """Plain-value record of a sample that is excluded because of a defect.

    Args:
        sample: its name; the stem of the file if an annotation or image has no partner.
        kind: of the defect.
        file: the defective file.
        value: the offending value.
        message: human-readable description.
    """

    sample: str
    kind: str
    file: str
    value: str
    message: str

    @classmethod
    def of(cls, sample: str, defect: Defect) -> "SkippedSample":
        """Build the record of a sample from one of its defects."""
        return cls(sample, defect.kind, str(defect.file), defect.value, defect.message)


class MissingPartnersError(DataError):
    """Annotations without an image, or images without an annotation.

    Args:
        complete: the samples that have all of their files.
        defects: one per missing file.
        message: summary, shown before the first defect.
    """

    def __init__(
        self, complete: Sequence["Sample"], defects: Sequence[Defect], message: str
    ) -> None:
        super().__init__(complete, defects, message)
        self.complete, self.defects, self.message = complete, defects, message

    def __str__(self) -> str:
        """Return the message and the first defect."""
        return f"{self.message}: {self.defects[0]}"


def missing_partners_error(
    complete: Sequence["Sample"], unpaired: Mapping[Path, str], message: str
) -> MissingPartnersError:
    """Build the error for files without a partner.

    Args:
        complete: the samples that have all of their files.
        unpaired: description of the problem by file.
        message: see :class:`MissingPartnersError`.
    """
    defects = [
        Defect("missing partner", file, file.stem, f"{file}: {text}")
        for file, text in unpaired.items()
    ]
    return MissingPartnersError(complete, defects, message)
