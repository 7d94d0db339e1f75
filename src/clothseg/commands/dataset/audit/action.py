"""Run an audit and report its findings."""

from collections.abc import Sequence

import numpy as np

from clothseg.commands.dataset.audit.collection import (
    collect_label_findings,
    collect_mask_findings,
    collect_reader_warnings,
    find_duplicates,
    find_missing_classes,
)
from clothseg.commands.dataset.audit.finding import (
    KINDS,
    Finding,
    count_totals,
    group_by_kind,
    summarize,
)
from clothseg.commands.dataset.audit.page import render_page
from clothseg.commands.dataset.audit.sample import SampleAudit, Subject, audit_sample
from clothseg.commands.dataset.context import Context
from clothseg.dataset import Reader
from clothseg.dataset.listing import complete_samples
from clothseg.files import write_json, write_text
from clothseg.labels import LabelSpace
from clothseg.report.dataset_tables import audit_table
from clothseg.terminal.screen import console, progress_bar
from clothseg.threads import map_in_order


def act(context: Context) -> int:
    """Audit a dataset; return 1 if it has errors.

    Raises:
        DataError: the files do not have the dataset's layout, or the report cannot be written.
    """
    subjects, findings = audit(context.reader, context.labels)
    total = count_totals(findings, len(subjects))
    files = context.output / "audit.json", context.output / "audit.html"
    listed = [finding.as_dict for finding in findings]
    write_json(files[0], {"dataset": context.name, "totals": total, "findings": listed})
    write_text(files[1], render_page(context.name, subjects, findings, context.labels))
    kinds = {
        kind: (group[0].severity, [finding.location for finding in group])
        for kind, group in group_by_kind(findings).items()
    }
    if kinds:
        console.print(audit_table(kinds, f"audit of {context.name}"))
    console.print(f"{context.name}: {summarize(total)}", soft_wrap=True, markup=False)
    for file in files:
        console.print(f"written to {file}", soft_wrap=True, markup=False)
    return 1 if total["errors"] else 0


def audit(reader: Reader, labels: LabelSpace) -> tuple[list[Subject], list[Finding]]:
    """Return the audited samples and all findings, errors first.

    Raises:
        DataError: the files do not have the dataset's layout.
    """
    findings = collect_label_findings(labels)
    subjects: list[Subject] = []
    for source, part in reader.parts.items():
        complete, missing = _list_samples(source, part)
        subjects += complete
        findings += [*missing, *collect_reader_warnings(source, part)]
    audited = _audit_samples(subjects)
    findings += [finding for sample_audit in audited for finding in sample_audit.findings]
    findings += find_missing_classes(labels, subjects, audited)
    findings += find_duplicates(subjects, audited)
    for source, part in reader.parts.items():
        values = np.zeros(256, bool)
        for subject, sample_audit in zip(subjects, audited, strict=True):
            if subject.reader is part:
                values |= sample_audit.values
        findings += collect_mask_findings(source, part, values)
    return subjects, sorted(findings, key=lambda finding: KINDS.index(finding.kind))


def _list_samples(source: str, reader: Reader) -> tuple[list[Subject], list[Finding]]:
    """Return the complete samples of one dataset, and findings for the incomplete ones."""
    samples, defects = complete_samples(reader)
    prefix = f"{source}-" if source else ""
    subjects = [Subject(f"{prefix}{sample.name}", reader, sample) for sample in samples]
    missing = [
        Finding(d.kind, f"{prefix}{d.value}", str(d.file), d.value, d.message) for d in defects
    ]
    return subjects, missing


def _audit_samples(subjects: Sequence[Subject]) -> list[SampleAudit]:
    """Audit all samples in order, decoding them in several threads."""
    audited = []
    bar = progress_bar("auditing", len(subjects))
    with bar as advance, map_in_order(audit_sample, subjects) as sample_audits:
        for sample_audit in sample_audits:
            audited.append(sample_audit)
            advance(1)
    return audited
