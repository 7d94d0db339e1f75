"""What an audit finds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from clothseg.dataset.defect import DefectKind
from clothseg.report.tables import Severity

WarningKind = Literal[
    "background only",
    "exact duplicate",
    "near duplicate",
    "tiny components",
    "ids count from 1",
    "ids in steps",
    "names never seen",
    "sides without flip pair",
    "told by the reader",
]
ERRORS: tuple[str, ...] = get_args(DefectKind)
KINDS: tuple[str, ...] = ERRORS + get_args(WarningKind)
"""In the order in which they are shown."""
PAIRS: tuple[WarningKind, ...] = ("exact duplicate", "near duplicate")
"""Kinds whose value is the name of another sample."""


@dataclass(frozen=True)
class Finding:
    """One defect or oddity.

    Args:
        kind: what it is.
        sample: name of the sample; empty when it concerns no single one.
        file: where it is.
        value: what was found there: a label, sizes, the other photo of a pair, a number of
            components.
        message: a sentence for people.
    """

    kind: DefectKind | WarningKind
    sample: str
    file: str
    value: str | int
    message: str

    @property
    def severity(self) -> Severity:
        """Whether it stops or spoils a training."""
        return "error" if self.kind in ERRORS else "warning"

    @property
    def place(self) -> str:
        """Where it is and what was found there, in a few words."""
        if self.kind in PAIRS:
            return f"{self.sample}/{self.value}"
        if not self.sample and self.severity == "warning":
            return self.message
        file = Path(self.file)
        where = file.name if self.sample in ("", file.stem) else f"{self.sample} in {file.name}"
        return where + (f" ({self.value})" if self.value != "" else "")

    @property
    def plain(self) -> dict[str, Any]:
        """As it is written into `audit.json`."""
        return {"severity": self.severity} | asdict(self)


def by_kind(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """The findings of each kind that occurs, errors first."""
    groups = {kind: [finding for finding in findings if finding.kind == kind] for kind in KINDS}
    return {kind: group for kind, group in groups.items() if group}


def totals(findings: Sequence[Finding], photos: int) -> dict[str, Any]:
    """How many findings there are of each severity and each kind, and the tiny components."""
    severities = Counter(finding.severity for finding in findings)
    tiny = [finding for finding in findings if finding.kind == "tiny components"]
    return {
        "photos": photos,
        "errors": severities["error"],
        "warnings": severities["warning"],
        "kinds": {kind: len(group) for kind, group in by_kind(findings).items()},
        "tiny_components": sum(int(finding.value) for finding in tiny),
    }


def summary(total: dict[str, Any]) -> str:
    """The totals in one line."""
    counts = (
        (total["photos"], "photo"),
        (total["errors"], "error"),
        (total["warnings"], "warning"),
    )
    return ", ".join(f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in counts)
