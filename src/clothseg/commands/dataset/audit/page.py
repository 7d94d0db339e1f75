"""An audit as one page that needs nothing beside it: no script, no other file."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from clothseg.commands.dataset.audit.finding import ERRORS, PAIRS, Finding, by_kind, summary, totals
from clothseg.commands.dataset.audit.photo import Subject
from clothseg.commands.dataset.audit.thumbnail import thumbnail
from clothseg.labels import LabelSpace

PICTURED = 8
"""Findings of each kind that have a picture."""
LISTED = 200
"""Findings of each kind that are written out; all are in `audit.json`."""

MEANING = {
    "unreadable photo": "The file cannot be decoded whole; get it again.",
    "unreadable annotation": "The labels cannot be decoded; get the file again.",
    "label out of range": "Values that are no id of the dataset's names.",
    "interpolated label": "Values between two ids: the mask was resized or blurred as if it were "
    "a photo.",
    "different sizes": "Photo and mask do not lie on each other.",
    "missing partner": "A photo without annotation, or an annotation without photo.",
    "contradictory maps": "The files that describe one photo disagree with each other.",
    "rotated photo": "EXIF has viewers and other loaders turn the photo, but not its mask.",
    "background only": "Nothing is labelled; is there nobody in the photo?",
    "exact duplicate": "Two files of the same bytes.",
    "near duplicate": "Two photos of one scene. Splits of clothseg keep them in one part.",
    "tiny components": "Specks that are hardly drawn on purpose, ringed in the photos.",
    "ids count from 1": "The ids may be shifted against the names.",
    "ids in steps": "The ids may be grey levels instead of positions in the names.",
    "names never seen": "Names without a pixel anywhere: nothing can be learned about them.",
    "sides without flip pair": "Left and right must trade places when a photo is mirrored.",
    "told by the reader": "What is odd about the files as a whole.",
}
STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.4rem; margin: 0 0 .3rem }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; padding-left: .6rem; border-left: .35rem solid }
h2.error { border-color: #d55e00 }
h2.warning { border-color: #e0a800 }
ul { padding-left: 1.2rem }
li { overflow-wrap: anywhere; margin: .2rem 0 }
.verdict { font-weight: 600 }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem }
p { overflow-wrap: anywhere }
figure { margin: 0; max-width: 100% }
figcaption { font-size: .85rem; opacity: .8; max-width: 20rem; overflow-wrap: anywhere }
.photos { display: flex; gap: .3rem }
.photos img { display: block; min-width: 0; max-width: 100%; height: auto }
.pair img { max-width: calc(50% - .15rem) }
.classes { display: flex; flex-wrap: wrap; gap: .2rem .8rem; font-size: .85rem }
.classes i { display: inline-block; width: .8rem; height: .8rem; border: 1px solid #808080 }
"""


def audit_page(
    dataset: str, subjects: Sequence[Subject], findings: Sequence[Finding], labels: LabelSpace
) -> str:
    """The HTML page of an audit.

    Args:
        dataset: name of the dataset.
        subjects: what was audited.
        findings: what was found.
        labels: where the colours of the masks come from.
    """
    total = totals(findings, len(subjects))
    verdict = "Errors stop or spoil a training." if total["errors"] else "Nothing stops a training."
    roots = list(dict.fromkeys(subject.reader.root for subject in subjects))
    by_name = {subject.name: subject for subject in subjects}
    sections = [
        _section(kind, group, by_name, labels, roots) for kind, group in by_kind(findings).items()
    ]
    title = f"Audit of {escape(dataset)}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title><style>{STYLE}</style></head><body>",
            f"<h1>{title}</h1>",
            f'<p><span class="verdict">{summary(total)}.</span> {verdict}</p>',
            f"<p>Files below {escape(', '.join(map(str, roots)))}</p>",
            *sections,
            _legend(labels),
            "</body></html>\n",
        ]
    )


def _section(
    kind: str,
    group: Sequence[Finding],
    subjects: Mapping[str, Subject],
    labels: LabelSpace,
    roots: Sequence[Path],
) -> str:
    severity = "error" if kind in ERRORS else "warning"
    figures = [_figure(finding, subjects, labels) for finding in group[:PICTURED]]
    items = [f"<li>{escape(_below(finding.message, roots))}</li>" for finding in group[:LISTED]]
    if len(group) > LISTED:
        items.append(f"<li>… and {len(group) - LISTED} more in audit.json</li>")
    return "\n".join(
        [
            f'<h2 class="{severity}">{escape(kind)}: {len(group)}</h2>',
            f"<p>{MEANING[kind]}</p>",
            f'<div class="pictures">{"".join(figures)}</div>',
            f"<ul>{''.join(items)}</ul>",
        ]
    )


def _below(message: str, roots: Sequence[Path]) -> str:
    """A message without the folders that the page names at its top."""
    for root in roots:
        message = message.replace(f"{root}/", "")
    return message


def _figure(finding: Finding, subjects: Mapping[str, Subject], labels: LabelSpace) -> str:
    """The photo of a finding, or both of a pair; nothing when there is none to be seen."""
    paired = finding.kind in PAIRS
    names = [finding.sample, str(finding.value)] if paired else [finding.sample]
    ringed = finding.kind == "tiny components"
    pictures = [
        (name, thumbnail(subjects[name], labels, ringed)) for name in names if name in subjects
    ]
    images = "".join(
        f'<img src="{picture}" alt="{escape(name)}">' for name, picture in pictures if picture
    )
    if not images:
        return ""
    kind = "photos pair" if paired else "photos"
    caption = escape(" and ".join(names))
    return f'<figure><div class="{kind}">{images}</div><figcaption>{caption}</figcaption></figure>'


def _legend(labels: LabelSpace) -> str:
    classes = [
        f'<span><i style="background:{escape(color)}"></i> {escape(name)}</span>'
        for name, color in zip(labels.names, labels.colors, strict=True)
    ]
    return f'<h2>colours of {escape(labels.name)}</h2><div class="classes">{"".join(classes)}</div>'
