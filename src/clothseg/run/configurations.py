"""Configurations of finished runs: runs that differ in their fold or seed are repetitions of one.

This module does not import torch.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clothseg.metric.aggregate import mean_and_std, mean_card
from clothseg.metric.selection import Selection
from clothseg.run.finished import FinishedRun
from clothseg.run.names import run_names, without_seed

Repeats = Sequence[Sequence[FinishedRun]]
"""Runs of a configuration by repetition, which is a fold, or a seed with all of its folds."""


@dataclass(frozen=True)
class Configurations:
    """Configurations whose runs can be compared.

    Args:
        repeats: repetitions of each configuration, by a name that distinguishes it.
        noun: what a repetition is, `fold` or `seed`: seeds if any configuration has several.
    """

    repeats: Mapping[str, Repeats]
    noun: str

    def runs(self, name: str) -> list[FinishedRun]:
        """Return all runs of a configuration."""
        return [run for group in self.repeats[name] for run in group]

    def cards(self, part: str = "test") -> dict[str, list[Mapping[str, Any]]]:
        """Scorecard of a part of each repetition, by configuration.

        Args:
            part: `test`, or `validation`, which all runs must have.
        """
        return {n: [_card(group, part) for group in repeats] for n, repeats in self.repeats.items()}

    def selection(self) -> Selection | None:
        """Select the validation scores by which to compare; None if a run has none."""
        parts = {
            name: {f"{number} {name}": group for number, group in enumerate(repeats)}
            for name, repeats in self.repeats.items()
        }
        groups = {part: group for named in parts.values() for part, group in named.items()}
        metrics = {part: [run.metrics for run in group] for part, group in groups.items()}
        selection = Selection.of(metrics)
        return selection and selection.over_repeats({n: [*named] for n, named in parts.items()})


def group_folds(
    runs: Iterable[FinishedRun], left_out: Callable[[str], None]
) -> dict[str, list[FinishedRun]]:
    """Group the folds of each configuration and seed by its name.

    Args:
        runs: the runs.
        left_out: takes the reason, in words, why runs are left out: their folds are of several
            splits.
    """
    groups: dict[Path, list[FinishedRun]] = {}
    for run in runs:
        groups.setdefault(run.configuration, []).append(run)
    for folder, group in list(groups.items()):
        divisions = {run.metrics["division"] for run in group}
        if len(divisions) > 1:
            left_out(f"the folds in {folder} come from {len(divisions)} splits of the dataset")
            del groups[folder]
    names = run_names([group[0] for group in groups.values()], folds=False)
    return dict(zip(names, groups.values(), strict=True))


def missing_folds(groups: Mapping[str, Sequence[FinishedRun]]) -> list[str]:
    """Describe the groups of :func:`group_folds` with unfinished folds: `unet (3 of 5)`."""
    planned = {
        name: group[0].config["config"]["split"].get("folds", 1) for name, group in groups.items()
    }
    return [
        f"{name or 'the runs'} ({len(group)} of {planned[name]})"
        for name, group in groups.items()
        if group[0].fold is not None and len(group) != planned[name]
    ]


def combine_seeds(groups: Mapping[str, Sequence[FinishedRun]]) -> Configurations:
    """Combine groups of :func:`group_folds` that differ only in their seed."""
    seeds: dict[str, list[Sequence[FinishedRun]]] = {}
    for name, group in groups.items():
        choices = group[0].config["choices"]
        row = without_seed(name) or f"{choices.get('model')} {choices.get('backbone')}"
        seeds.setdefault(row, []).append(group)
    if any(len(same) > 1 for same in seeds.values()):
        return Configurations({**seeds}, "seed")
    return Configurations(
        {name: [[run] for run in group] for name, (group,) in seeds.items()}, "fold"
    )


def summary(
    repeats: Repeats, value: Callable[[FinishedRun], float | None]
) -> Mapping[str, float | None]:
    """Mean and standard deviation over repetitions of the mean value of their runs."""
    return mean_and_std(mean_and_std(map(value, group))["mean"] for group in repeats)


def _card(group: Sequence[FinishedRun], part: str) -> Mapping[str, Any]:
    """Scorecard of a repetition: that of its run, or the mean over its folds."""
    cards = [run.metrics[part] for run in group]
    return cards[0] if len(cards) == 1 else mean_card(cards)
