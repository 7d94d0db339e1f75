"""What can be found only by looking at all photos of a dataset together."""

import math
import re
from collections.abc import Sequence

import numpy as np

from clothseg.commands.dataset.audit.finding import Finding, WarningKind
from clothseg.commands.dataset.audit.photo import Audited, Subject
from clothseg.dataset import Reader
from clothseg.dataset.near_duplicates import near_duplicate_pairs
from clothseg.labels import IGNORE, LabelSpace

SIDE = re.compile(r"(?<![a-z])(left|right)(?![a-z])", re.IGNORECASE)


def duplicates(subjects: Sequence[Subject], audited: Sequence[Audited]) -> list[Finding]:
    """Photos of the same bytes, and pairs that look alike and are not the same."""
    findings = []
    first: dict[bytes, Subject] = {}
    for subject, photo in zip(subjects, audited, strict=True):
        original = first.setdefault(photo.content, subject) if photo.content else subject
        if original is not subject:
            message = f"{subject.sample.image}: the same bytes as {original.sample.image}"
            findings.append(_pair("exact duplicate", original, subject, message))
    readable = [i for i, photo in enumerate(audited) if photo.hash is not None]
    hashes = np.array([audited[i].hash for i in readable], np.uint64)
    for one, other in zip(*near_duplicate_pairs(hashes), strict=True):
        a, b = readable[one], readable[other]
        if audited[a].content != audited[b].content:
            bits = np.bitwise_count(hashes[one] ^ hashes[other])
            message = (
                f"{subjects[b].sample.image}: looks like {subjects[a].sample.image} "
                f"(perceptual hashes differ in {bits} of 64 bits)"
            )
            findings.append(_pair("near duplicate", subjects[a], subjects[b], message))
    return findings


def odd_ids(source: str, reader: Reader, values: np.ndarray) -> list[Finding]:
    """Signs that the ids of a whole dataset mean something else than positions in its names.

    Args:
        source: name of the dataset where several are merged; else empty.
        reader: its reader.
        values: source ids that its masks hold, bool [256].
    """
    file, where = str(reader.root), f"{source}: " if source else ""
    ids = np.flatnonzero(values[:IGNORE])
    findings = []
    if ids.size and ids[0] > 0:
        message = (
            f"{where}id 0 ({reader.names[0]}) is in no mask, {ids[0]} to {ids[-1]} are; do the "
            "ids count from 1?"
        )
        findings.append(Finding("ids count from 1", "", file, f"{ids[0]} to {ids[-1]}", message))
    step = math.gcd(*ids.tolist())
    if step > 1 and np.count_nonzero(ids) > 2:
        message = f"{where}all ids are multiples of {step}; are they grey levels of a palette?"
        findings.append(Finding("ids in steps", "", file, step, message))
    unseen = [name for k, name in enumerate(reader.names) if not values[k]]
    if unseen and ids.size:
        names = ", ".join(unseen)
        message = f"{where}{len(unseen)} of {len(reader.names)} names are in no mask: {names}"
        findings.append(Finding("names never seen", "", file, names, message))
    return findings


def unpaired_sides(labels: LabelSpace) -> list[Finding]:
    """Classes with a side that does not change in a mirror."""
    paired = {name for pair in labels.flip_pairs for name in pair}
    alone = [name for name in labels.names if SIDE.search(name) and name not in paired]
    if not alone:
        return []
    names, file = ", ".join(alone), f"conf/labels/{labels.name}.yaml"
    message = f"{file}: no `flip_pairs` for {names}; a mirrored photo would keep the wrong side"
    return [Finding("sides without flip pair", "", file, names, message)]


def told_by_reader(source: str, reader: Reader) -> list[Finding]:
    """What a reader itself warns of."""
    where = f"{source}: " if source else ""
    return [
        Finding("told by the reader", "", str(reader.root), "", where + text)
        for text in reader.warnings()
    ]


def _pair(kind: WarningKind, one: Subject, other: Subject, message: str) -> Finding:
    file = str(one.sample.image)
    return Finding(kind, one.name, file, other.name, message)
