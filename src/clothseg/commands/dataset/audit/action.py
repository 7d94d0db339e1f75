"""Runs an audit and says what it found."""

from collections.abc import Sequence

import numpy as np

from clothseg.commands.dataset.audit.collection import (
    duplicates,
    odd_ids,
    told_by_reader,
    unpaired_sides,
)
from clothseg.commands.dataset.audit.finding import KINDS, Finding, by_kind, summary, totals
from clothseg.commands.dataset.audit.page import audit_page
from clothseg.commands.dataset.audit.photo import Audited, Subject, audit_photo
from clothseg.commands.dataset.context import Context
from clothseg.dataset import Reader
from clothseg.dataset.listing import complete_samples
from clothseg.files import write_json, write_text
from clothseg.labels import LabelSpace
from clothseg.report.tables import audit_table
from clothseg.screen import console, progress_bar
from clothseg.threads import map_in_order


def act(context: Context) -> int:
    """Audit a dataset; returns 1 when it has errors.

    Raises:
        DataError: the dataset has another layout, or the report cannot be written.
    """
    subjects, findings = audit(context.reader, context.labels)
    total = totals(findings, len(subjects))
    files = context.output / "audit.json", context.output / "audit.html"
    listed = [finding.plain for finding in findings]
    write_json(files[0], {"dataset": context.name, "totals": total, "findings": listed})
    write_text(files[1], audit_page(context.name, subjects, findings, context.labels))
    kinds = {
        kind: (group[0].severity, [finding.place for finding in group])
        for kind, group in by_kind(findings).items()
    }
    if kinds:
        console.print(audit_table(kinds, f"audit of {context.name}"))
    console.print(f"{context.name}: {summary(total)}", soft_wrap=True, markup=False)
    for file in files:
        console.print(f"written to {file}", soft_wrap=True, markup=False)
    return 1 if total["errors"] else 0


def audit(reader: Reader, labels: LabelSpace) -> tuple[list[Subject], list[Finding]]:
    """Everything that was audited, and everything that was found, errors first.

    Raises:
        DataError: the dataset has another layout.
    """
    findings = unpaired_sides(labels)
    subjects: list[Subject] = []
    for source, part in reader.parts.items():
        found, missing = _listed(source, part)
        subjects += found
        findings += [*missing, *told_by_reader(source, part)]
    audited = _audit_photos(subjects)
    findings += [finding for photo in audited for finding in photo.findings]
    findings += duplicates(subjects, audited)
    for source, part in reader.parts.items():
        values = np.zeros(256, bool)
        for subject, photo in zip(subjects, audited, strict=True):
            if subject.reader is part:
                values |= photo.values
        findings += odd_ids(source, part, values)
    return subjects, sorted(findings, key=lambda finding: KINDS.index(finding.kind))


def _listed(source: str, reader: Reader) -> tuple[list[Subject], list[Finding]]:
    """The samples of one dataset, and what is missing to others."""
    samples, defects = complete_samples(reader)
    prefix = f"{source}-" if source else ""
    subjects = [Subject(f"{prefix}{sample.name}", reader, sample) for sample in samples]
    missing = [
        Finding(d.kind, f"{prefix}{d.value}", str(d.file), d.value, d.message) for d in defects
    ]
    return subjects, missing


def _audit_photos(subjects: Sequence[Subject]) -> list[Audited]:
    """Every sample in turn, decoded by several threads."""
    audited = []
    bar = progress_bar("auditing", len(subjects))
    with bar as advance, map_in_order(audit_photo, subjects) as photos:
        for photo in photos:
            audited.append(photo)
            advance(1)
    return audited
