"""Logging at the end of a command: of a complete cross-validation, or of a run that it skipped."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clothseg import build
from clothseg.config.run_config import RunConfig
from clothseg.error import first_line
from clothseg.labels import LabelSpace
from clothseg.logger.tracker import Finished, Results, Subject, Tracker
from clothseg.metric.aggregate import aggregate_parts, part_cards, pooled_matrix
from clothseg.metric.selection import mean_score
from clothseg.run.folders import group_name
from clothseg.run.record import Record
from clothseg.run.tables import read_history
from clothseg.terminal.screen import say


def log_summary(
    command: RunConfig,
    folder: Path,
    name: str,
    run: Path,
    metrics: Sequence[Mapping[str, Any]],
) -> None:
    """Pass a complete cross-validation to the loggers; report their errors as warnings.

    Args:
        command: a configuration of the command, which names the loggers.
        folder: the folder of the cross-validation.
        name: display name of the configuration.
        run: the run folder of one of the folds.
        metrics: the content of `metrics.json` of all folds.
    """
    cards, _ = part_cards(metrics)

    def summarize(tracker: Tracker) -> None:
        subject = _subject(folder, f"{name}, {len(cards)} folds", run, folder)
        split = {key: value for key, value in subject.config["split"].items() if key != "fold"}
        tracker.summarize(
            replace(subject, config={**subject.config, "split": split}),
            aggregate_parts(metrics) | {"score": mean_score(metrics)},
            pooled_matrix(cards),
        )

    _each_tracker(command, summarize, name, "the fold summary")


def log_skipped(command: RunConfig, folder: Path, name: str, run: Path, alone: bool) -> None:
    """Tell the loggers of a run that had already finished; report their errors as warnings.

    Args:
        command: the configuration of the command, which names the loggers.
        folder: the folder of its configuration.
        name: display name of the run.
        run: the run folder.
        alone: the command has no other fold of its configuration.
    """

    def read() -> Finished:
        subject = replace(_subject(folder, name, run, run), alone=alone)
        return subject, read_history(run), _results(run)

    def skip(tracker: Tracker) -> None:
        tracker.skip(run, alone, read)

    _each_tracker(command, skip, name, "the finished run")


def _each_tracker(
    command: RunConfig, call: Callable[[Tracker], None], name: str, what: str
) -> None:
    for tracker in build.build_trackers(command):
        try:
            call(tracker)
        except Exception as error:
            text = f"{type(error).__name__}: {first_line(error)}"
            say(f"{name}  warning: logger {tracker.name} did not log {what} ({text})")


def _subject(folder: Path, name: str, run: Path, logged: Path) -> Subject:
    """Describe what is logged.

    Args:
        folder: the folder of the configuration.
        name: display name.
        run: a run folder of the configuration.
        logged: the folder whose content is logged.
    """
    recorded = Record(run).config
    return Subject(
        name=name,
        folder=logged,
        group=group_name(folder),
        config=recorded["config"],
        choices=recorded["choices"],
        labels=LabelSpace(**recorded["config"]["labels"]),
    )


def _results(run: Path) -> Results:
    """Read the results of a finished run, without examples, which would have to be predicted."""
    record = Record(run)
    metrics = record.metrics
    matrix = pooled_matrix([metrics["test"]])
    return Results(metrics, matrix, {}, record.best_checkpoint)
