"""Findings that concern all samples of a dataset together."""

from collections.abc import Sequence

import numpy as np

from clothseg.commands.dataset.audit.finding import Finding, WarningKind
from clothseg.commands.dataset.audit.sample import SampleAudit, Subject
from clothseg.dataset import Reader
from clothseg.dataset.mask_findings import (
    find_suspicious_ids,
    find_unpaired_sides,
    require_two_classes,
)
from clothseg.dataset.near_duplicates import Appearance, find_near_duplicates
from clothseg.error import DataError
from clothseg.labels import LabelSpace


def find_duplicates(subjects: Sequence[Subject], audited: Sequence[SampleAudit]) -> list[Finding]:
    """Find identical image files, and near-duplicates that are not identical."""
    findings = []
    first: dict[bytes, Subject] = {}
    for subject, sample_audit in zip(subjects, audited, strict=True):
        content = sample_audit.content
        original = first.setdefault(content, subject) if content else subject
        if original is not subject:
            message = f"{subject.sample.image}: byte-for-byte identical to {original.sample.image}"
            findings.append(_pair("exact duplicate", original, subject, message))
    readable = [(i, a.appearance) for i, a in enumerate(audited) if a.appearance is not None]
    if not readable:
        return findings
    found = find_near_duplicates(Appearance.stack([appearance for _, appearance in readable]))
    for row in np.argsort(found.representatives, kind="stable"):
        a, b = readable[found.representatives[row]][0], readable[row][0]
        if a != b and audited[a].content != audited[b].content:
            kind = "mirrored near-duplicate" if found.mirrored[row] else "near-duplicate"
            message = (
                f"{subjects[b].sample.image}: {kind} of {subjects[a].sample.image} "
                f"(perceptual hashes differ in {found.distances[row]} of 64 bits)"
            )
            findings.append(_pair("near duplicate", subjects[a], subjects[b], message))
    return findings


def collect_mask_findings(source: str, reader: Reader, values: np.ndarray) -> list[Finding]:
    """Return signs that the ids of a dataset are not indices into its names; see mask_findings."""
    return [
        Finding(found.kind, "", str(reader.root), found.value, found.message)
        for found in find_suspicious_ids(source, reader, values)
    ]


def find_missing_classes(
    labels: LabelSpace, subjects: Sequence[Subject], audited: Sequence[SampleAudit]
) -> list[Finding]:
    """Find a dataset in which fewer than two classes occur."""
    seen = np.zeros(256, bool)
    for subject, sample_audit in zip(subjects, audited, strict=True):
        seen[labels.lookup_table(subject.reader.names)[sample_audit.values]] = True
    if not seen.any():  # no mask can be read
        return []
    roots = ", ".join(dict.fromkeys(str(subject.reader.root) for subject in subjects))
    try:
        require_two_classes(roots, seen, labels.names)
    except DataError as error:
        return [Finding("fewer than two classes", "", roots, "", str(error))]
    return []


def collect_label_findings(labels: LabelSpace) -> list[Finding]:
    """Return classes of a body side that a horizontal flip does not swap."""
    file = f"conf/labels/{labels.name}.yaml"
    return [
        Finding(found.kind, "", file, found.value, found.message)
        for found in find_unpaired_sides(labels)
    ]


def collect_reader_warnings(source: str, reader: Reader) -> list[Finding]:
    """Return the warnings of a reader as findings."""
    prefix = f"{source}: " if source else ""
    return [
        Finding("reader warning", "", str(reader.root), "", prefix + text)
        for text in reader.warnings()
    ]


def _pair(kind: WarningKind, one: Subject, other: Subject, message: str) -> Finding:
    file = str(one.sample.image)
    return Finding(kind, one.name, file, other.name, message)
