"""Content of the runs of a workspace, read from their records."""

from collections.abc import Mapping, Sequence
from typing import Any

from clothseg.commands.report.wandb.panels import OPTIONS, Content
from clothseg.commands.report.wandb.selection import Selected
from clothseg.logger import wandb_keys as keys
from clothseg.metric.scorecard import overall_scores
from clothseg.report.results import NUM_EXAMPLES, figures
from clothseg.run.differences import settings
from clothseg.run.finished import FinishedRun
from clothseg.run.folders import group_name

Groups = Sequence[Sequence[FinishedRun]]
"""Finished folds of each configuration, or its only run."""


def content_of(groups: Groups) -> Content:
    """Collect what the runs have and in which options and keys they differ.

    Args:
        groups: runs with one label space, at least one.
    """
    runs = [run for group in groups for run in group]
    cards = [run.metrics["test"] for run in runs]
    first, *others = {run.metrics.get("monitor") for run in runs}
    columns = list(settings(runs, "differing")[0])
    chosen = runs[0].config["choices"]
    options = [name for name in columns if name in chosen]
    drawn = frozenset(name for run in runs for name in figures(run.folder))
    return Content(
        names=frozenset(
            name
            for card in cards
            for name, value in overall_scores(card).items()
            if value is not None
        ),
        classes=[row["name"] for row in cards[0]["per_class"]],
        monitor=None if others else first,
        options=[name for name in (*OPTIONS, *options) if _differs(runs, name)],
        settings=[name for name in columns if name not in chosen],
        figures=drawn,
        examples=_example_keys(drawn, parsing="parsing" in cards[0]),
    )


def select(groups: Groups) -> Selected:
    """Name the groups of configurations, apart from those of which not all folds are finished."""
    complete: list[str] = []
    others: list[str] = []
    for group in groups:
        name = keys.shown_group(group_name(group[0].configuration.resolve()))
        (complete if is_complete(group) else others).append(name)
    return Selected(complete, others)


def is_complete(group: Sequence[FinishedRun]) -> bool:
    """Return whether runs are all folds of a cross-validation, which then has a summary."""
    return group[0].fold is not None and len(group) == group[0].config["config"]["split"].get(
        "folds"
    )


def _defined_scores(card: Mapping[str, Any]) -> list[str]:
    return [name for name, value in overall_scores(card).items() if value is not None]


def _differs(runs: Sequence[FinishedRun], option: str) -> bool:
    return len({run.config["choices"].get(option) for run in runs}) > 1


def _example_keys(drawn: frozenset[str], parsing: bool) -> list[str]:
    """Keys of the example images, which are logged while the figures of them are drawn."""
    kinds = [kind for kind in keys.EXAMPLES if kind in drawn]
    bases = list(map(keys.examples_key, kinds))
    if not parsing:
        return bases
    numbers = range(1, NUM_EXAMPLES + 1)
    return [keys.numbered(base, number) for base in bases for number in numbers]
