"""Finished runs below a folder, with everything that tables of their results show.

This module does not import torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from clothseg.error import DataError, abbreviate
from clothseg.json_file import STRICT, Count, Plain, check_json, require_shape
from clothseg.run.content import UNFINISHED, Environment, parse_yaml, read_unchanged
from clothseg.run.folders import configuration_folder, records_below
from clothseg.run.metrics_file import Metrics
from clothseg.run.record import REMEDY, Record, current_content


@with_config(STRICT)
class _Split(TypedDict):
    fold: NotRequired[Count | None]


@with_config(STRICT)
class _Numbers(TypedDict):
    """Numbers that tell runs of one configuration apart."""

    seed: Count
    split: _Split


@dataclass(frozen=True)
class FinishedRun:
    """Content of the record of a finished run.

    Args:
        folder: run folder.
        config: recorded `choices`, `overrides` and resolved `config`.
        environment: versions, commit and machine.
        metrics: scores and measurements.
    """

    folder: Path
    config: Plain
    environment: Plain
    metrics: Plain

    @classmethod
    def read(cls, folder: Path, config: Plain | None = None) -> "FinishedRun":
        """Read a record, each of its files once.

        Args:
            folder: run folder.
            config: what `config.yaml` holds, if it is known.

        Raises:
            DataError: a file is missing or damaged, or has changed since the run ended.
        """
        names = ("environment.json", "metrics.json", *(["config.yaml"] if config is None else []))
        paths = [folder / name for name in names]
        environment, metrics, *recorded = read_unchanged(folder, *names)
        for text in recorded:
            config = current_content(parse_yaml(text, paths[2]), paths[2])
            require_shape(config["config"], _Numbers, paths[2], REMEDY)
        return cls(
            folder,
            config or {},
            check_json(environment, Environment, paths[0], REMEDY),
            check_json(metrics, Metrics, paths[1], REMEDY),
        )

    @property
    def configuration(self) -> Path:
        """Folder of its configuration, which all folds share."""
        return configuration_folder(self.folder)

    @property
    def fold(self) -> int | None:
        """Index of the tested fold; None for a split without folds."""
        fold: int | None = self.config["config"]["split"].get("fold")
        return fold

    @property
    def seed(self) -> int:
        """Random seed of the training."""
        seed: int = self.config["config"]["seed"]
        return seed


def finished_runs(folder: Path, left_out: Callable[[str], None]) -> list[FinishedRun]:
    """Read all finished runs below a folder, sorted by path.

    Records that were moved aside are ignored.

    Args:
        folder: folder that is searched; it may be a run folder.
        left_out: takes the reason, in words, why a run is left out: it is unfinished, or damaged.

    Raises:
        DataError: there is no such folder, or no finished run that can be read.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder, so there are no runs in it")
    runs, reasons = [], []
    for record in records_below(folder, "status.json"):
        try:
            runs.append(_read(record))
        except DataError as error:
            reasons.append(str(error))
            left_out(str(error))
    if not runs:
        why = f": {abbreviate(reasons)}" if reasons else ""
        raise DataError(f"no run in {folder} or below is finished and can be read{why}")
    return runs


def _read(record: Record) -> FinishedRun:
    """Read a record.

    Raises:
        DataError: it is unfinished or damaged.
    """
    state = (record.status or {}).get("state", "")
    if state != "done":
        raise DataError(f"{record.folder} {UNFINISHED.get(state, 'has no status.json')}")
    return FinishedRun.read(record.folder)
