"""Findings that concern all samples of a dataset together."""

import math
import re
from collections.abc import Sequence

import numpy as np

from clothseg.commands.dataset.audit.finding import Finding, WarningKind
from clothseg.commands.dataset.audit.sample import SampleAudit, Subject
from clothseg.dataset import Reader
from clothseg.dataset.near_duplicates import Appearance, find_near_duplicates
from clothseg.labels import IGNORE, LabelSpace

SIDE = re.compile(r"(?<![a-z])(left|right)(?![a-z])", re.IGNORECASE)


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


def find_suspicious_ids(source: str, reader: Reader, values: np.ndarray) -> list[Finding]:
    """Find signs that the ids of a dataset are not indices into its names.

    Args:
        source: name of the dataset if several are merged, else empty.
        reader: reader of the dataset.
        values: True for source ids that occur in its masks, bool [256].
    """
    file, prefix = str(reader.root), f"{source}: " if source else ""
    ids = np.flatnonzero(values[:IGNORE])
    findings = []
    if ids.size and ids[0] > 0:
        message = (
            f"{prefix}id 0 ({reader.names[0]}) does not occur in any mask, {ids[0]} to {ids[-1]} "
            "do; do the ids count from 1?"
        )
        findings.append(Finding("ids count from 1", "", file, f"{ids[0]} to {ids[-1]}", message))
    step = math.gcd(*ids.tolist())
    if step > 1 and np.count_nonzero(ids) > 2:
        message = f"{prefix}all ids are multiples of {step}; are they gray levels of a palette?"
        findings.append(Finding("ids in steps", "", file, step, message))
    absent = [name for k, name in enumerate(reader.names) if not values[k]]
    if absent and ids.size:
        names = ", ".join(absent)
        message = f"{prefix}{len(absent)} of {len(reader.names)} names never occur: {names}"
        findings.append(Finding("names never seen", "", file, names, message))
    return findings


def find_unpaired_sides(labels: LabelSpace) -> list[Finding]:
    """Find classes of a body side that a horizontal flip does not swap."""
    paired = {name for pair in labels.flip_pairs for name in pair}
    unpaired = [name for name in labels.names if SIDE.search(name) and name not in paired]
    if not unpaired:
        return []
    names, file = ", ".join(unpaired), f"conf/labels/{labels.name}.yaml"
    message = f"{file}: no `flip_pairs` for {names}; flipped images would have the wrong side"
    return [Finding("sides without flip pair", "", file, names, message)]


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
