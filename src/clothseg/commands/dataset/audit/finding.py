"""Findings of an audit."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from clothseg.dataset.defect import DefectKind
from clothseg.report.dataset_tables import Severity

WarningKind = Literal[
    "background only",
    "exact duplicate",
    "near duplicate",
    "tiny components",
    "ids count from 1",
    "ids in steps",
    "names never seen",
    "sides without flip pair",
    "reader warning",
]
ERROR_KINDS: tuple[str, ...] = get_args(DefectKind)
KINDS: tuple[str, ...] = ERROR_KINDS + get_args(WarningKind)
"""All kinds in display order."""
PAIR_KINDS: tuple[WarningKind, ...] = ("exact duplicate", "near duplicate")
"""Kinds whose value names another sample."""


@dataclass(frozen=True)
class Finding:
    """Defect or anomaly of a dataset.

    Args:
        kind: kind of the finding.
        sample: name of the sample; empty if it does not concern a single one.
        file: path of the affected file.
        value: offending value: a label, sizes, the other sample of a pair, or a number of
            components.
        message: human-readable description.
    """

    kind: DefectKind | WarningKind
    sample: str
    file: str
    value: str | int
    message: str

    @property
    def severity(self) -> Severity:
        """`error` if it stops or corrupts a training, else `warning`."""
        return "error" if self.kind in ERROR_KINDS else "warning"

    @property
    def location(self) -> str:
        """Short description of the location and value."""
        if self.kind in PAIR_KINDS:
            return f"{self.sample}/{self.value}"
        if not self.sample and self.severity == "warning":
            return self.message
        file = Path(self.file)
        where = file.name if self.sample in ("", file.stem) else f"{self.sample} in {file.name}"
        return where + (f" ({self.value})" if self.value != "" else "")

    @property
    def as_dict(self) -> dict[str, Any]:
        """Entry of `audit.json`."""
        return {"severity": self.severity} | asdict(self)


def group_by_kind(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Group the findings by kind, errors first; kinds without findings are omitted."""
    groups = {kind: [finding for finding in findings if finding.kind == kind] for kind in KINDS}
    return {kind: group for kind, group in groups.items() if group}


def count_totals(findings: Sequence[Finding], images: int) -> dict[str, Any]:
    """Count the findings by severity and by kind, and all tiny components."""
    severities = Counter(finding.severity for finding in findings)
    tiny = [finding for finding in findings if finding.kind == "tiny components"]
    return {
        "photos": images,
        "errors": severities["error"],
        "warnings": severities["warning"],
        "kinds": {kind: len(group) for kind, group in group_by_kind(findings).items()},
        "tiny_components": sum(int(finding.value) for finding in tiny),
    }


def summarize(total: dict[str, Any]) -> str:
    """Format the totals in one line."""
    counts = (
        (total["photos"], "image"),
        (total["errors"], "error"),
        (total["warnings"], "warning"),
    )
    return ", ".join(f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in counts)
