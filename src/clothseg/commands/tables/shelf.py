"""Recorded runs, from which the cells of a table take theirs, and the commands of missing ones."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clothseg.config.command_line import check_command
from clothseg.config.override import text_of
from clothseg.config.settings import Tables
from clothseg.config.table.experiment import dataset_of, root_overrides, sources_of
from clothseg.error import DataError
from clothseg.run.demand import Candidate, Demand, Found, find, flat_content, require_same
from clothseg.run.finished import FinishedRun, finished_runs

BUDGETS = ("full", "small", "smoke")
"""Budgets from the largest to the smallest."""

SPLIT_KEYS = ("labels.", "split.", "data.max_train_images")
"""Beginnings of the keys that decide, with the dataset, how it is split."""


@dataclass
class Shelf:
    """Finished runs below a folder, and the settings of the command.

    Args:
        settings: settings of the command.
        folders: folders of datasets by the name of the dataset.
        candidates: the runs.
    """

    settings: Tables
    folders: Mapping[str, str]
    candidates: Sequence[Candidate]
    _composed: dict[tuple[Demand, str], Mapping[str, Any]] = field(default_factory=dict)

    def demand(
        self,
        experiment: str,
        overrides: Sequence[str],
        seeds: Sequence[int],
        shrunk: Sequence[str] = (),
    ) -> Demand:
        """Build the demand of a cell, with the deviations that the command states."""
        chosen = (*overrides, *self.changes)
        return Demand(experiment, chosen, tuple(self.settings.seeds or seeds), tuple(shrunk))

    @property
    def changes(self) -> list[str]:
        """Overrides in which all runs deviate from the saved experiments."""
        return [f"{key}={text_of(value)}" for key, value in self.settings.changes.items()]

    def roots(self, demand: Demand) -> list[str]:
        """Overrides of the folders of a demand's dataset."""
        return root_overrides(dataset_of(demand.experiment, demand.overrides), self.folders)

    def compose(self, demand: Demand, budget: str) -> Mapping[str, Any]:
        """Compose the configuration of a demand, each once.

        Raises:
            ConfigError: a deviation does not fit the experiment.
        """
        key = demand, budget
        if key not in self._composed:
            words = [f"experiment={demand.experiment}", f"budget={budget}", *self.roots(demand)]
            (composed,) = check_command([*words, *_overrides(demand, budget)])
            self._composed[key] = composed.config.plain
        return self._composed[key]

    def command(self, demand: Demand, budget: str) -> str:
        """Command line that fills a cell."""
        return shlex.join(["python", "train.py", *self.words([demand], budget)])

    def fill_command(self, name: str, budget: str) -> str:
        """Command line that trains, counts and draws everything that a table lacks."""
        settings, words = self.settings, [f"table={name}", "action=fill", f"budget={budget}"]
        for key, default in (("runs", "outputs"), ("output", "outputs/tables")):
            if (value := getattr(settings, key)) != default:
                words.append(f"{key}={value}")
        for key in ("seeds", "changes", "data"):
            if value := getattr(settings, key):
                words.append(f"{key}={_literal(value)}")
        return shlex.join(["python", "scripts/tables.py", *words])

    def root_of(self, found: Found) -> str | dict[str, str] | None:
        """Folder of the dataset of runs, one per source of a merged one; None: that of the runs."""
        sources = sources_of(dataset_of(found.demand.experiment, found.demand.overrides))
        if not all(source in self.folders for source in sources):
            return None
        folders = {source: self.folders[source] for source in sources}
        return folders if len(folders) > 1 else next(iter(folders.values()), None)

    def words(self, demands: Sequence[Demand], budget: str) -> list[str]:
        """Arguments of the training of demands that differ in their experiment only."""
        first = demands[0]
        seeds = ",".join(map(str, first.seeds))
        output = self.settings.runs
        return [
            f"experiment={','.join(demand.experiment for demand in demands)}",
            *([] if budget == BUDGETS[0] else [f"budget={budget}"]),
            *_overrides(first, budget),
            *self.roots(first),
            *([] if seeds == "0" else [f"seed={seeds}"]),
            *([] if output == "outputs" else [f"output={output}"]),
            "-m",
        ]

    def search(self, demands: Sequence[Demand]) -> "Search":
        """Find the runs of the cells of one table, all of one budget and of the same data.

        Raises:
            ConfigError: a deviation does not fit an experiment.
        """
        distinct = list(dict.fromkeys(demands))
        if self.settings.budget:
            return self._search(distinct, self.settings.budget)
        budgets = {candidate.budget for candidate in self.candidates}
        searches = [self._search(distinct, b) for b in BUDGETS if b in budgets]
        searches = searches or [self._search(distinct, BUDGETS[0])]
        return max(searches, key=lambda search: search.filled)  # of equals the largest budget

    def _search(self, demands: Sequence[Demand], budget: str) -> "Search":
        if not self.candidates:
            if self.settings.changes:
                self.compose(demands[0], budget)  # a mistake in them is told now
            return Search({}, budget, demands)
        configs = {demand: self.compose(demand, budget) for demand in demands}
        contents = {demand: flat_content(config) for demand, config in configs.items()}
        # The run of one cell is no mistake of another one of the same experiment.
        strays = [run for run in self.candidates if run.content not in contents.values()]
        found = {
            demand: find(
                demand,
                configs[demand],
                [*strays, *(run for run in self.candidates if run.content == content)],
                budget,
            )
            for demand, content in contents.items()
        }
        for same_data in _grouped(found.values(), ("dataset.",)):
            require_same(same_data, "other data", lambda run: run.fingerprint)
        for same_split in _grouped(found.values(), ("dataset.", *SPLIT_KEYS)):
            require_same(
                same_split, "another split of the data", lambda run: run.run.metrics["division"]
            )
        return Search(found, budget, demands)


@dataclass(frozen=True)
class Search:
    """Runs of the cells of a table.

    Args:
        found: runs by demand; empty if there are no runs at all.
        budget: the budget of all of them.
        demands: the demands.
    """

    found: Mapping[Demand, Found]
    budget: str
    demands: Sequence[Demand]

    @property
    def filled(self) -> int:
        """Number of demands whose runs are complete."""
        return sum(not one.missing for one in self.found.values())

    @property
    def missing(self) -> list[Demand]:
        """Demands that lack a run."""
        return [d for d in self.demands if d not in self.found or self.found[d].missing]

    @property
    def runs(self) -> list[FinishedRun]:
        """Runs of the complete demands."""
        groups = [group for one in self.found.values() for group in one.repeats]
        return [*{run.folder: run for group in groups for run in group}.values()]


def _overrides(demand: Demand, budget: str) -> list[str]:
    """Overrides of a demand at a budget; deviations of the command are the last and decide."""
    return [*(demand.shrunk if budget != BUDGETS[0] else ()), *demand.overrides]


def _literal(value: Any) -> str:
    """Write a setting in Hydra's grammar."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{text_of(one)}' for key, one in value.items())}}}"
    return text_of(value)


def _grouped(found: Any, beginnings: tuple[str, ...]) -> list[list[Found]]:
    """Group the runs of demands that agree in all keys with one of these beginnings."""
    groups: dict[tuple[tuple[str, str], ...], list[Found]] = {}
    for one in found:
        key = tuple(item for item in one.content.items() if item[0].startswith(beginnings))
        groups.setdefault(key, []).append(one)
    return list(groups.values())


def read_runs(folder: Path, left_out: Callable[[str], None]) -> list[Candidate]:
    """Read the finished runs below a folder; there may be none.

    Args:
        folder: the folder.
        left_out: takes the reason, in words, why a run is left out.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"runs={folder}: there is no such folder")
    reasons: list[str] = []
    try:
        runs = finished_runs(folder, reasons.append)
    except DataError:
        runs = []
    for reason in reasons:
        left_out(reason)
    candidates = []
    for run in runs:
        try:
            candidates.append(Candidate.of(run))
        except (AttributeError, KeyError, TypeError, ValueError):  # of a stranger's record
            left_out(f"{run.folder} has a configuration of another shape")
    return candidates
