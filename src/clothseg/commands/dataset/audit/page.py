"""Self-contained HTML page of an audit, without scripts or other files."""

from collections.abc import Mapping, Sequence
from html import escape
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
    verdict = (
        "Errors stop or corrupt training."
        if total["errors"]
        else "The dataset has no errors that would stop training."
    )
    roots = list(dict.fromkeys(subject.reader.root for subject in subjects))
    by_name = {subject.name: subject for subject in subjects}
    sections = [
        _section(kind, group, by_name, labels, roots)
        for kind, group in group_by_kind(findings).items()
    ]
    title = f"Audit of {escape(dataset)}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title><style>{STYLE}</style></head><body>",
            f"<h1>{title}</h1>",
            f'<p><span class="verdict">{summarize(total)}.</span> {verdict}</p>',
            f"<p>Paths are relative to {escape(', '.join(map(str, roots)))}</p>",
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
    severity = "error" if kind in ERROR_KINDS else "warning"
    figures = [_figure(finding, subjects, labels) for finding in group[:MAX_FIGURES]]
    items = [
        f"<li>{escape(_shorten_paths(finding.message, roots))}</li>"
        for finding in group[:MAX_LISTED]
    ]
    if len(group) > MAX_LISTED:
        items.append(f"<li>… and {len(group) - MAX_LISTED} more in audit.json</li>")
    return "\n".join(
        [
            f'<h2 class="{severity}">{escape(kind)}: {len(group)}</h2>',
            f"<p>{EXPLANATIONS[kind]}</p>",
            f'<div class="pictures">{"".join(figures)}</div>',
            f"<ul>{''.join(items)}</ul>",
        ]
    )


def _shorten_paths(message: str, roots: Sequence[Path]) -> str:
    """Remove the root folders, which are given at the top of the page, from a message."""
    for root in roots:
        message = message.replace(f"{root}/", "")
    return message


def _figure(finding: Finding, subjects: Mapping[str, Subject], labels: LabelSpace) -> str:
    """Return the figure of a finding, or of both samples of a pair; empty without thumbnails."""
    paired = finding.kind in PAIR_KINDS
    names = [finding.sample, str(finding.value)] if paired else [finding.sample]
    circled = finding.kind == "tiny components"
    thumbnails = [
        (name, make_thumbnail(subjects[name], labels, circled))
        for name in names
        if name in subjects
    ]
    images = "".join(
        f'<img src="{thumbnail}" alt="{escape(name)}">'
        for name, thumbnail in thumbnails
        if thumbnail
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
    return f'<h2>Colors of {escape(labels.name)}</h2><div class="classes">{"".join(classes)}</div>'
