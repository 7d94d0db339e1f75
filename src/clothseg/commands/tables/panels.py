"""Pictures of figures, from recorded runs."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clothseg.commands.tables.shelf import Shelf
from clothseg.config.table.file import Panel
from clothseg.error import DataError, UserError
from clothseg.files import write_bytes, write_json
from clothseg.metric.aggregate import mean_and_std, pooled_matrix
from clothseg.metric.names import APP, APR
from clothseg.metric.scorecard import overall_scores
from clothseg.run.demand import Found
from clothseg.run.finished import FinishedRun
from clothseg.run.tables import read_history
from clothseg.untrusted import MAX_LIST_BYTES, read_file

LATE = ("examples", "comparison")
"""Pictures that a network segments anew, which takes time, its libraries and the dataset."""

FAILURE = "failure"
"""Key of the reason why a picture could not be drawn, beside its sources."""


@dataclass(frozen=True)
class Picture:
    """Picture whose runs are finished.

    Args:
        panel: its description.
        found: the runs of each of its configurations.
        path: the PNG to write.
        shelf: folders of the datasets.
    """

    panel: Panel
    found: Sequence[Found]
    path: Path
    shelf: Shelf

    @property
    def runs(self) -> list[FinishedRun]:
        """All runs, of the first seed only."""
        return [run for one in self.found for run in folds(one)]

    @property
    def names(self) -> list[str]:
        """Name of each configuration."""
        return [shown.name or shown.experiment for shown in self.panel.runs]

    @property
    def sources(self) -> dict[str, Any]:
        """Description and runs, by which a picture that was drawn earlier is recognized."""
        runs = {str(run.folder): _digest(run.metrics) for run in self.runs}
        return {"panel": self.panel.model_dump(mode="json"), "runs": runs}

    @property
    def is_drawn(self) -> bool:
        """True if the PNG shows these very runs."""
        return self.path.is_file() and self._recorded == self.sources

    @property
    def failure(self) -> str:
        """Reason why the latest attempt to draw these very runs has failed; empty if none has."""
        recorded = self._recorded
        reason = recorded.pop(FAILURE, "")
        return str(reason) if recorded == self.sources else ""

    @property
    def _recorded(self) -> dict[str, Any]:
        """Sources of the picture that was drawn last; empty if they cannot be read."""
        try:
            recorded = json.loads(read_file(self._record, MAX_LIST_BYTES))
        except (DataError, ValueError):
            return {}
        return recorded if isinstance(recorded, dict) else {}

    @property
    def _record(self) -> Path:
        return self.path.with_suffix(".json")

    def draw(self) -> None:
        """Draw the picture.

        Raises:
            UserError: a file of a run is missing or damaged, its dataset is, or no image is as
                described.
        """
        try:
            DRAWERS[self.panel.draw](self)
        except UserError as error:
            if self.panel.draw in LATE:
                write_json(self._record, self.sources | {FAILURE: str(error)})
            raise
        if self.panel.draw in LATE:
            write_json(self._record, self.sources)


def folds(found: Found) -> list[FinishedRun]:
    """Runs of the first seed of a configuration, one for each fold."""
    repeats = found.repeats
    return [*repeats[0]] if len(found.demand.seeds) > 1 else [run for one in repeats for run in one]


def _digest(metrics: Mapping[str, Any]) -> str:
    text = json.dumps(metrics, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _pooled(picture: Picture) -> tuple[Any, list[str], str]:
    """Confusion matrix over all folds, class names, and a title."""
    cards = [run.metrics["test"] for run in picture.runs]
    names = [row["name"] for row in cards[0]["per_class"]]
    over = f", {len(cards)} folds pooled" if len(cards) > 1 else ""
    return pooled_matrix(cards), names, f"{picture.names[0]}{over}"


def _confusion_matrix(picture: Picture) -> None:
    from clothseg.report.figures import draw_confusion_matrix

    matrix, names, title = _pooled(picture)
    draw_confusion_matrix(matrix, names, picture.path, title)


def _class_iou(picture: Picture) -> None:
    from clothseg.metric.class_scores import class_scores
    from clothseg.report.figures import draw_class_iou

    matrix, names, title = _pooled(picture)
    draw_class_iou(class_scores(matrix).iou, names, picture.path, title)


def _curves(picture: Picture) -> None:
    from clothseg.report.curves import draw_curves

    named = zip(picture.names, picture.found, strict=True)
    histories = {name: [read_history(run.folder) for run in folds(one)] for name, one in named}
    rows = [own[0] for repeats in histories.values() for own in repeats]
    train = all(f"train/{score}" in row for row in rows for score in picture.panel.scores)
    draw_curves(histories, picture.panel.scores, picture.path, train)


def _bars(picture: Picture) -> None:
    from clothseg.report.bars import draw_bars

    summaries = [
        [
            mean_and_std(overall_scores(run.metrics["test"]).get(score) for run in folds(one))
            for score in picture.panel.scores
        ]
        for one in picture.found
    ]
    draw_bars(summaries, picture.names, picture.panel.scores, picture.path, picture.panel.caption)


def _speed_accuracy(picture: Picture) -> None:
    from clothseg.report.cited_methods import CITED, PART, REGION
    from clothseg.report.speed_accuracy import Method, draw_speed_accuracy

    methods = []
    for name, one in zip(picture.names, picture.found, strict=True):
        (run, *_) = folds(one)
        metrics = run.metrics
        if "inference_ms" not in metrics:
            raise DataError(f"{run.folder} has no inference_ms; an earlier version trained it")
        scores = {REGION: metrics["test"].get(APR.key), PART: metrics["test"].get(APP.key)}
        known = {heading: score for heading, score in scores.items() if score is not None}
        time = metrics["inference_ms"]
        methods.append(Method(name, (time, time), known, measured=True))
    title = "Precision of human parsing against time per image"
    draw_speed_accuracy([*CITED, *methods], picture.path, title, "loesch2021, on a Titan X")


def _run_figure(picture: Picture) -> None:
    """Copy a figure of a run.

    Raises:
        DataError: the run has no such figure; report.figures=all draws it.
    """
    source = picture.runs[0].folder / "figures" / f"{picture.panel.file}.png"
    if not source.is_file():
        raise DataError(
            f"{source} is missing; the command of the run with report.figures=all draws it"
        )
    write_bytes(picture.path, source.read_bytes())


def _comparison(picture: Picture) -> None:
    from clothseg.commands.report.comparison import draw_comparison

    settings, tested = _tested(picture)
    named = [replace(one, name=name) for one, name in zip(tested, picture.names, strict=True)]
    draw_comparison(named, settings)


def _examples(picture: Picture) -> None:
    from clothseg.commands.report.examples import draw_examples

    settings, (one,) = _tested(picture)
    draw_examples(one, settings)


def _tested(picture: Picture) -> tuple[Any, Any]:
    """Settings of the report that draws a picture, and the configurations in it."""
    from clothseg.commands.report.configurations import configurations_of
    from clothseg.config.command_line import check_settings
    from clothseg.config.settings import Report
    from clothseg.run.record import Record

    panel = picture.panel
    words = [f"target={panel.draw}", f"num_images={panel.num_images}"]
    settings = check_settings(words, "report", Report)
    update = {"output": str(picture.path), "class_name": panel.class_name}
    update["runs"] = picture.shelf.settings.runs
    settings = settings.model_copy(
        update={**update, "root": picture.shelf.root_of(picture.found[0])}
    )
    return settings, configurations_of([Record(run.folder) for run in picture.runs], settings)


DRAWERS: Mapping[str, Callable[[Picture], None]] = {
    "confusion_matrix": _confusion_matrix,
    "class_iou": _class_iou,
    "curves": _curves,
    "bars": _bars,
    "speed_accuracy": _speed_accuracy,
    "run_figure": _run_figure,
    "comparison": _comparison,
    "examples": _examples,
}
"""Functions by :attr:`clothseg.config.table.file.Panel.draw`."""
