"""Findings in one image and its mask."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clothseg.commands.dataset.audit.finding import Finding
from clothseg.dataset import Reader, Sample
from clothseg.dataset.defect import Defect
from clothseg.dataset.near_duplicates import Appearance
from clothseg.dataset.png import value_counts
from clothseg.dataset.reader import examine
from clothseg.error import DataError
from clothseg.labels import IGNORE
from clothseg.metric.connected import Components, connected_components
from clothseg.untrusted import MAX_IMAGE_BYTES, read_file

MAX_TINY_PIXELS = 25
"""Maximum size of a tiny component, in pixels."""


@dataclass(frozen=True)
class Subject:
    """Sample with the reader of its own dataset, of which several may be merged.

    Args:
        name: unique name of the sample in the audit.
        reader: reader of its dataset.
        sample: the sample as listed by that reader.
    """

    name: str
    reader: Reader
    sample: Sample


@dataclass(frozen=True)
class SampleAudit:
    """Audit of one sample.

    Args:
        findings: defects and anomalies of this sample alone.
        values: True for source ids that occur in its mask, bool [256].
        content: hash of the image file; empty if it cannot be read.
        appearance: what near-duplicates are found by; None if the image cannot be decoded.
    """

    findings: list[Finding]
    values: np.ndarray
    content: bytes
    appearance: Appearance | None


def audit_sample(subject: Subject) -> SampleAudit:
    """Decode one sample and find its own defects and anomalies."""
    found = examine(subject.reader, subject.sample)
    findings = [_from_defect(subject, defect) for defect in found.defects]
    findings += [] if found.defects else _sample_warnings(subject)
    values = np.zeros(256, bool)
    if found.mask is not None:
        values[:] = value_counts(found.mask) > 0
        findings += _background_only(subject, values)
        findings += _tiny_components(subject, found.mask)
    return SampleAudit(
        findings,
        values,
        _content(subject.sample.image),
        None if found.image is None else Appearance.of(found.image),
    )


def tiny_components(mask: np.ndarray, classes: int) -> tuple[Components, np.ndarray]:
    """Return the components of a mask uint8 [H,W], and the numbers of those of at most 25 pixels.

    Components are 8-connected. Background and out-of-range ids are never tiny components.
    """
    components = connected_components(mask, connectivity=8)
    known = (components.classes > 0) & (components.classes < classes)
    return components, np.flatnonzero(known & (components.sizes <= MAX_TINY_PIXELS))


def _from_defect(subject: Subject, defect: Defect) -> Finding:
    return Finding(defect.kind, subject.name, str(defect.file), defect.value, defect.message)


def _sample_warnings(subject: Subject) -> list[Finding]:
    file = str(subject.sample.annotation)
    warnings = subject.reader.sample_warnings(subject.sample)
    return [Finding("reader warning", subject.name, file, "", text) for text in warnings]


def _background_only(subject: Subject, values: np.ndarray) -> list[Finding]:
    if values[1:IGNORE].any():
        return []
    file = str(subject.sample.annotation)
    ids = ", ".join(map(str, np.flatnonzero(values)))
    message = f"{file}: nothing is labeled in {subject.name}; its only value is {ids}"
    if values[IGNORE]:
        message += f" ({IGNORE} is ignored; ids of classes start at 1)"
    return [Finding("background only", subject.name, file, ids, message)]


def _tiny_components(subject: Subject, mask: np.ndarray) -> list[Finding]:
    names = subject.reader.names
    components, tiny = tiny_components(mask, len(names))
    if not tiny.size:
        return []
    shown = ", ".join(f"{names[components.classes[i]]} {components.sizes[i]}" for i in tiny[:5])
    dots = " …" if tiny.size > 5 else ""
    file = str(subject.sample.annotation)
    plural = "component" if tiny.size == 1 else "components"
    size = f"{tiny.size} {plural} of at most {MAX_TINY_PIXELS} pixels"
    message = f"{file}: {size} in {subject.name}: {shown}{dots}"
    return [Finding("tiny components", subject.name, file, int(tiny.size), message)]


def _content(file: Path) -> bytes:
    try:
        return hashlib.blake2b(read_file(file, MAX_IMAGE_BYTES), digest_size=16).digest()
    except DataError:
        return b""
