"""Self-contained HTML page of an audit, without scripts or other files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clothseg.commands.dataset.audit.finding import (
    ERROR_KINDS,
    PAIR_KINDS,
    Finding,
    count_totals,
    group_by_kind,
    summarize,
)
from clothseg.commands.dataset.audit.sample import Subject
from clothseg.commands.dataset.audit.thumbnail import make_thumbnail
from clothseg.labels import LabelSpace
from clothseg.report.page.environment import page_environment

TEMPLATES = Path(__file__).parent / "templates"

MAX_FIGURES = 8
"""Maximum number of findings per kind with a thumbnail."""
MAX_LISTED = 200
"""Maximum number of findings listed per kind; `audit.json` has all of them."""

EXPLANATIONS = {
    "unreadable image": "The image file cannot be decoded completely; download it again.",
    "unreadable annotation": "The annotation cannot be decoded; download the file again.",
    "label out of range": "The mask contains values that are not ids of the dataset.",
    "interpolated label": "The mask contains values between two ids: it was resized or blurred as "
    "if it were an image.",
    "different sizes": "Image and mask differ in size.",
    "missing partner": "An image has no annotation, or an annotation has no image.",
    "contradictory maps": "The annotation files of one image contradict each other.",
    "rotated image": "An EXIF tag makes viewers and other loaders rotate the image, but not its "
    "mask.",
    "fewer than two classes": "Every score would be perfect or undefined, whatever is predicted.",
    "background only": "Nothing is labeled; does the image show a person at all?",
    "exact duplicate": "Two image files are identical.",
    "near duplicate": "Two images show the same scene; clothseg keeps them in the same part of a "
    "split unless split.group_near_duplicates=false.",
    "tiny components": "Connected components too small to be intentional, circled in the images.",
    "ids count from 1": "The ids may be offset by one from the names.",
    "ids in steps": "The ids may be gray levels instead of indices into the names.",
    "names never seen": "Names without a single pixel; a network cannot learn them.",
    "sides without flip pair": "Left and right must be swapped in horizontally flipped images.",
    "reader warning": "Warnings that the dataset reader raised about the files.",
}


@dataclass(frozen=True)
class _Figure:
    """Thumbnails of a finding: name and data URI of one sample, or of both of a pair."""

    thumbnails: Sequence[tuple[str, str]]
    names: Sequence[str]
    is_pair: bool


@dataclass(frozen=True)
class _Section:
    """Findings of a kind."""

    kind: str
    number: int
    severity: str
    explanation: str
    figures: Sequence[_Figure]
    messages: Sequence[str]


def render_page(
    dataset: str, subjects: Sequence[Subject], findings: Sequence[Finding], labels: LabelSpace
) -> str:
    """Render the HTML page of an audit.

    Args:
        dataset: name of the dataset.
        subjects: audited samples.
        findings: findings of the audit.
        labels: label space that provides the colors of the masks.
    """
    total = count_totals(findings, len(subjects))
    roots = list(dict.fromkeys(subject.reader.root for subject in subjects))
    by_name = {subject.name: subject for subject in subjects}
    sections = [
        _section(kind, group, by_name, labels, roots)
        for kind, group in group_by_kind(findings).items()
    ]
    template = page_environment(TEMPLATES, "audit.css").get_template("audit.html.jinja")
    return template.render(
        dataset=dataset,
        summary=summarize(total),
        has_errors=bool(total["errors"]),
        roots=list(map(str, roots)),
        sections=sections,
        labels=labels,
    )


def _section(
    kind: str,
    group: Sequence[Finding],
    subjects: Mapping[str, Subject],
    labels: LabelSpace,
    roots: Sequence[Path],
) -> _Section:
    figures = [_figure(finding, subjects, labels) for finding in group[:MAX_FIGURES]]
    messages = [_shorten_paths(finding.message, roots) for finding in group[:MAX_LISTED]]
    severity = "error" if kind in ERROR_KINDS else "warning"
    shown = [figure for figure in figures if figure.thumbnails]
    return _Section(kind, len(group), severity, EXPLANATIONS[kind], shown, messages)


def _shorten_paths(message: str, roots: Sequence[Path]) -> str:
    """Remove the root folders, which are given at the top of the page, from a message."""
    for root in roots:
        message = message.replace(f"{root}/", "")
    return message


def _figure(finding: Finding, subjects: Mapping[str, Subject], labels: LabelSpace) -> _Figure:
    """Collect the thumbnails of a finding, or of both samples of a pair; none if there are none."""
    paired = finding.kind in PAIR_KINDS
    names = [finding.sample, str(finding.value)] if paired else [finding.sample]
    circled = finding.kind == "tiny components"
    thumbnails = [
        (name, make_thumbnail(subjects[name], labels, circled))
        for name in names
        if name in subjects
    ]
    return _Figure([(name, uri) for name, uri in thumbnails if uri], names, paired)
