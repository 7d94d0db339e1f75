"""`task=parsing`: score a CIHP submission: parts and people, and characterized parts."""

from pathlib import Path
from typing import Any

import yaml

from clothseg.commands.score.semantic import class_masks
from clothseg.config.settings import Score
from clothseg.dataset.cihp_submission import Submission
from clothseg.dataset.human_parsing import Characteristic
from clothseg.dataset.parsing_part import ParsingPart
from clothseg.error import abbreviate
from clothseg.files import write_json
from clothseg.metric.parsing.scores import ParsingScores, Rules
from clothseg.report.tables import counted
from clothseg.shipped import CONF
from clothseg.terminal.screen import console, progress_bar, say

KINDS = ("size", "pattern", "color")
"""Characteristics of CCIHP."""


def score(settings: Score) -> int:
    """Score the predictions of all pictures of the ground truth; return the exit status.

    Raises:
        ConfigError: there is no such label space.
        DataError: a file is invalid; names the file and the value.
    """
    truth, submission = Path(settings.target), Path(settings.prediction)
    names, _ = class_masks(settings.labels)
    card = score_submission(submission, truth, names, _rules(settings))
    output = Path(settings.output)
    write_json(output, card)
    from clothseg.report.parsing_tables import parsing_tables

    console.print(*parsing_tables(card, f"{submission.name} against {truth.name}"))
    console.print(f"written to {output}", soft_wrap=True, markup=False)
    return 0


def score_submission(
    submission: Path, truth: Path, names: list[str], rules: Rules
) -> dict[str, Any]:
    """Compute the scores of a submission; missing files count as not predicted, with a warning.

    Args:
        submission: folder in the layout of :mod:`clothseg.dataset.cihp_submission`.
        truth: a part of CIHP or CCIHP.
        names: background and classes, in id order.
        rules: choices between definitions.

    Raises:
        DataError: a file is invalid; names the file and the value.
    """
    part = ParsingPart(truth, names, characteristics())
    for warning in part.warnings:
        say(f"warning: {warning}")
    predicted = Submission(submission, part.value_names)
    scores = ParsingScores(part.value_names, rules)
    with progress_bar("scoring", len(part.pictures)) as advance:
        for picture in part.pictures:
            true = part.read(picture)
            scores.add(true, predicted.read(picture, true.person.shape))
            advance(1)
    _warn(predicted, part)
    return scores.card()


def characteristics() -> dict[str, Characteristic]:
    """Folders and names of CCIHP's characteristics, as in `conf/dataset/ccihp.yaml`."""
    content = yaml.safe_load((CONF / "dataset" / "ccihp.yaml").read_text())
    return {kind: content[kind] for kind in KINDS}


def _warn(predicted: Submission, part: ParsingPart) -> None:
    """Print what was missing, what was not looked at, and which scores there are not."""
    if missing := predicted.missing:
        listed = abbreviate([path.relative_to(predicted.folder) for path in missing])
        files = counted(len(missing), "file")
        say(f"warning: missing, counted as not predicted: {files}: {listed}")
    if unknown := predicted.unknown(part.pictures):
        names = counted(len(unknown), "image")
        say(f"warning: without ground truth, left out: {names}: {abbreviate(unknown)}")
    if not predicted.has_people:
        say("warning: no people/ in the prediction: AP^p, PCP and person AP are not computed")


def _rules(settings: Score) -> Rules:
    return Rules(settings.matching, settings.absent, settings.characterized, settings.empty_people)
