"""What can be found in one photo and its mask."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clothseg.commands.dataset.audit.finding import Finding
from clothseg.dataset import Reader, Sample
from clothseg.dataset.defect import Defect
from clothseg.dataset.near_duplicates import perceptual_hash
from clothseg.dataset.reader import examine
from clothseg.labels import IGNORE
from clothseg.metric.connected import Components, connected_components

TINY = 25
"""Most pixels of a component that counts as tiny."""


@dataclass(frozen=True)
class Subject:
    """A sample and the reader of its own dataset, where several are merged.

    Args:
        name: name of the sample among all that are audited.
        reader: reader of its dataset.
        sample: the sample as that reader knows it.
    """

    name: str
    reader: Reader
    sample: Sample


@dataclass(frozen=True)
class Audited:
    """What one sample was found to be.

    Args:
        findings: what is wrong or odd about it alone.
        values: source ids that its mask holds, bool [256].
        content: hash of the photo's file; empty when it cannot be read.
        hash: perceptual hash of the photo; None when it cannot be decoded.
    """

    findings: list[Finding]
    values: np.ndarray
    content: bytes
    hash: int | None


def audit_photo(subject: Subject) -> Audited:
    """Decode one sample and find all that is wrong or odd about it alone."""
    found = examine(subject.reader, subject.sample)
    findings = [_of_defect(subject, defect) for defect in found.defects]
    findings += [] if found.defects else _oddities(subject)
    values = np.zeros(256, bool)
    if found.mask is not None:
        values[:] = np.bincount(found.mask.ravel(), minlength=256) > 0
        findings += _background_only(subject, values)
        findings += _tiny_components(subject, found.mask)
    return Audited(
        findings,
        values,
        _content(subject.sample.image),
        None if found.image is None else perceptual_hash(found.image),
    )


def tiny_components(mask: np.ndarray, classes: int) -> tuple[Components, np.ndarray]:
    """All components of a mask uint8 [H,W], and the numbers of those of at most 25 pixels.

    Pixels that touch at a corner are connected. Background and ids that no class has are left out.
    """
    components = connected_components(mask, connectivity=8)
    known = (components.classes > 0) & (components.classes < classes)
    return components, np.flatnonzero(known & (components.sizes <= TINY))


def _of_defect(subject: Subject, defect: Defect) -> Finding:
    return Finding(defect.kind, subject.name, str(defect.file), defect.value, defect.message)


def _oddities(subject: Subject) -> list[Finding]:
    file = str(subject.sample.annotation)
    told = subject.reader.sample_warnings(subject.sample)
    return [Finding("told by the reader", subject.name, file, "", text) for text in told]


def _background_only(subject: Subject, values: np.ndarray) -> list[Finding]:
    if values[1:IGNORE].any():
        return []
    file = str(subject.sample.annotation)
    ids = ", ".join(map(str, np.flatnonzero(values)))
    message = f"{file}: nothing in {subject.name} is labelled; its only value is {ids}"
    if values[IGNORE]:
        message += f" ({IGNORE} counts nowhere; a class has an id from 1)"
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
    size = f"{tiny.size} {plural} of at most {TINY} pixels"
    message = f"{file}: {size} in {subject.name}: {shown}{dots}"
    return [Finding("tiny components", subject.name, file, int(tiny.size), message)]


def _content(file: Path) -> bytes:
    try:
        return hashlib.blake2b(file.read_bytes(), digest_size=16).digest()
    except OSError:
        return b""
