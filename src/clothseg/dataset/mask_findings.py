"""Findings about the masks of a dataset: what makes its scores meaningless, or is suspicious."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from clothseg.dataset.reader import Reader
from clothseg.dataset.sample import Sample
from clothseg.error import DataError, abbreviate
from clothseg.labels import IGNORE, LabelSpace

SIDE = re.compile(r"(?<![a-z])(left|right)(?![a-z])", re.IGNORECASE)

MaskKind = Literal[
    "ids count from 1", "ids in steps", "names never seen", "sides without flip pair"
]


@dataclass(frozen=True)
class MaskFinding:
    """Suspicious property of all masks of a dataset.

    Args:
        kind: kind of the finding.
        value: offending value.
        message: human-readable description.
    """

    kind: MaskKind
    value: str | int
    message: str


def require_two_classes(location: str, seen: np.ndarray, names: Sequence[str]) -> None:
    """Require at least two classes, without which every score is perfect or undefined.

    Args:
        location: the masks, for the message.
        seen: True for class ids that occur in the masks, and at 255 for ignored pixels, bool [256].
        names: class names in id order [K].

    Raises:
        DataError: fewer than two classes occur.
    """
    found = [name for name, occurs in zip(names, seen, strict=False) if occurs]
    if len(found) >= 2:
        return
    only = f"only {found[0]} occurs" if found else "no class occurs"
    if seen[IGNORE]:
        remedy = (
            f"their other pixels are {IGNORE}, which is ignored and never a class; if {IGNORE} "
            f"means {names[1]}, write the id of that class instead"
        )
    else:
        remedy = "check that the masks hold the ids of all classes"
    raise DataError(
        f"{location}: {only} in the masks, of {len(names)} classes, so that scores would mean "
        f"nothing; {remedy}"
    )


def find_suspicious_ids(source: str, reader: Reader, values: np.ndarray) -> list[MaskFinding]:
    """Find signs that the ids of a dataset are not indices into its names.

    Args:
        source: name of the dataset if several are merged, else empty.
        reader: reader of the dataset.
        values: True for source ids that occur in its masks, bool [256].
    """
    prefix = f"{source}: " if source else ""
    ids = np.flatnonzero(values[:IGNORE])
    findings = []
    if ids.size and ids[0] > 0 and reader.background_id == 0:
        message = (
            f"{prefix}{reader.names[0]} (id 0) does not occur in any mask, {ids[0]} to {ids[-1]} "
            "do; do the ids count from 1?"
        )
        findings.append(MaskFinding("ids count from 1", f"{ids[0]} to {ids[-1]}", message))
    step = math.gcd(*ids.tolist())
    if step > 1 and np.count_nonzero(ids) > 2:
        message = f"{prefix}all ids are multiples of {step}; are they gray levels of a palette?"
        findings.append(MaskFinding("ids in steps", step, message))
    absent = [name for k, name in enumerate(reader.names) if not values[k]]
    if absent and ids.size:
        names = ", ".join(absent)
        message = f"{prefix}{len(absent)} of {len(reader.names)} names never occur: {names}"
        findings.append(MaskFinding("names never seen", names, message))
    return findings


def find_unpaired_sides(labels: LabelSpace) -> list[MaskFinding]:
    """Find classes of a body side that a horizontal flip does not swap."""
    paired = {name for pair in labels.flip_pairs for name in pair}
    unpaired = [name for name in labels.names if SIDE.search(name) and name not in paired]
    if not unpaired:
        return []
    names = ", ".join(unpaired)
    message = (
        f"conf/labels/{labels.name}.yaml: no `flip_pairs` for {names}; flipped images would have "
        "the wrong side"
    )
    return [MaskFinding("sides without flip pair", names, message)]


def mask_warnings(
    reader: Reader, labels: LabelSpace, samples: Sequence[Sample], values: np.ndarray
) -> list[str]:
    """Describe what is suspicious about the masks of all samples, one sentence per kind.

    Names that never occur matter only if no other name of their class does.

    Args:
        reader: the dataset.
        labels: the label space.
        samples: the samples [N].
        values: True for source ids that occur in the mask of each sample, bool [N,256].
    """
    findings = find_unpaired_sides(labels)
    sources = np.array([sample.source for sample in samples])
    for source, part in reader.parts.items():
        own = np.zeros(256, bool)
        merged_ids = [reader.names.index(name) for name in part.names]
        own[: len(merged_ids)] = values[sources == source].any(0)[merged_ids]
        findings += find_suspicious_ids(source, part, own)
    texts = [finding.message for finding in findings if finding.kind != "names never seen"]
    occurring = labels.lookup_table(reader.names)[np.flatnonzero(values.any(0))]
    absent = [name for k, name in enumerate(labels.names) if k not in occurring]
    if absent:
        names = ", ".join(absent)
        texts.append(f"{len(absent)} of {len(labels)} classes occur in no mask: {names}")
    empty = np.flatnonzero(~values[:, 1:IGNORE].any(1)).tolist()
    if empty:
        ignored = np.count_nonzero(values[empty, IGNORE])
        hint = f"; {ignored} of them have {IGNORE}, which is ignored" if ignored else ""
        shown = abbreviate([samples[index].name for index in empty])
        texts.append(f"nothing is labeled in {len(empty)} of {len(samples)} masks: {shown}{hint}")
    return texts
