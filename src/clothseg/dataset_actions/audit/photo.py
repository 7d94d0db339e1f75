"""What can be found in one photo and its mask."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from clothseg.cache import perceptual_hash
from clothseg.dataset import Reader, Sample
from clothseg.dataset.defect import Defect
from clothseg.dataset.reader import Inspection
from clothseg.dataset_actions.audit.finding import Finding
from clothseg.error import DataError
from clothseg.labels import IGNORE
from clothseg.metric.connected import Components, connected_components

TINY = 25
"""Most pixels of a component that counts as tiny."""

ORIENTATION = 0x0112
"""Tag of EXIF that tells viewers how to turn a photo; 1 is as stored, 2 to 8 are not."""


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
    found = inspect(subject)
    findings = [_of_defect(subject, defect) for defect in found.defects]
    findings += [] if found.defects else _oddities(subject)
    findings += _rotation(subject)
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


def inspect(subject: Subject) -> Inspection:
    """Decode one sample and its further files, whatever the decoders make of them."""
    try:
        found = subject.reader.inspect(subject.sample)
        # Other files repeat what is wrong with a mask.
        further = [] if found.defects else subject.reader.further_defects(subject.sample)
        return replace(found, defects=[*found.defects, *further])
    except Exception as error:  # a decoder that meets damage raises anything; the others go on
        file = subject.sample.annotation
        message = f"{file}: {subject.name} cannot be decoded ({error!r})"
        defect = Defect("unreadable annotation", file, type(error).__name__, message)
        return Inspection(None, None, [defect])


def tiny_components(mask: np.ndarray, classes: int) -> tuple[Components, np.ndarray]:
    """All components of a mask uint8 [H,W], and the numbers of those of at most 25 pixels.

    Pixels that touch at a corner are connected. Background and ids that no class has are left out.
    """
    components = connected_components(mask, connectivity=8)
    known = (components.classes > 0) & (components.classes < classes)
    return components, np.flatnonzero(known & (components.sizes <= TINY))


def _of_defect(subject: Subject, error: DataError) -> Finding:
    if isinstance(error, Defect):
        return Finding(error.kind, subject.name, str(error.file), error.value, error.message)
    file = str(subject.sample.annotation)
    return Finding("unreadable annotation", subject.name, file, "", str(error))


def _oddities(subject: Subject) -> list[Finding]:
    file = str(subject.sample.annotation)
    told = subject.reader.oddities(subject.sample)
    return [Finding("told by the reader", subject.name, file, "", text) for text in told]


def _rotation(subject: Subject) -> list[Finding]:
    from PIL import Image

    file = subject.sample.image
    try:
        with Image.open(file) as picture:
            orientation = picture.getexif().get(ORIENTATION, 1)
    except Exception:  # whatever is wrong with the photo is found when it is decoded
        return []
    if orientation not in range(2, 9):
        return []
    message = (
        f"{file}: EXIF orientation {orientation} has viewers and other loaders turn the photo, but "
        "not its mask; store the photo as it is to be seen and take the tag out"
    )
    return [Finding("rotated photo", subject.name, str(file), orientation, message)]


def _background_only(subject: Subject, values: np.ndarray) -> list[Finding]:
    if values[1:IGNORE].any():
        return []
    file = str(subject.sample.annotation)
    ids = ", ".join(map(str, np.flatnonzero(values)))
    message = f"{file}: nothing in {subject.name} is labelled; its only value is {ids}"
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
