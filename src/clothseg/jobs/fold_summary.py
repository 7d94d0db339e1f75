"""Logging of a complete cross-validation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clothseg import build
from clothseg.config.run_config import RunConfig
from clothseg.error import first_line
from clothseg.labels import LabelSpace
from clothseg.logger.tracker import Subject
from clothseg.metric.aggregate import aggregate_parts, part_cards, pooled_matrix
from clothseg.run.record import Record
from clothseg.screen import say


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
    for tracker in build.build_trackers(command):
        try:
            tracker.summarize(
                _subject(folder, f"{name}, {len(cards)} folds", run),
                aggregate_parts(metrics),
                pooled_matrix(cards),
            )
        except Exception as error:
            text = f"{type(error).__name__}: {first_line(error)}"
            say(f"{name}  warning: logger {tracker.name} did not log the fold summary ({text})")


def _subject(folder: Path, name: str, run: Path) -> Subject:
    recorded = Record(run).config
    config = recorded["config"]
    split = {key: value for key, value in config["split"].items() if key != "fold"}
    return Subject(
        name=name,
        folder=folder,
        group="/".join(folder.parts[-3:]),
        config=config | {"split": split},
        choices=recorded["choices"],
        labels=LabelSpace(**config["labels"]),
    )
