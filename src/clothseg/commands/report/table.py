"""`target=table`: scores of configurations as CSV, Markdown or LaTeX."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clothseg.commands.report.runs import run_names
from clothseg.config.settings import Report, TableFormat
from clothseg.error import DataError, abbreviate, shortened
from clothseg.files import write_bytes
from clothseg.metric.aggregate import mean_and_std, mean_card
from clothseg.metric.doubt import doubts
from clothseg.metric.names import ACCURACY, headline
from clothseg.metric.scorecard import overall_scores
from clothseg.metric.selection import Selection
from clothseg.report.paper_table import (
    Line,
    PaperTable,
    Quantity,
    csv_table,
    latex_table,
    markdown_table,
)
from clothseg.report.tables import (
    best_rule,
    comparison_table,
    counted,
    over,
    validation_heading,
)
from clothseg.run.finished import FinishedRun, finished_runs
from clothseg.terminal.screen import console, say

ENCODERS: Mapping[TableFormat, Callable[[PaperTable], bytes]] = {
    "csv": csv_table,
    "markdown": markdown_table,
    "latex": latex_table,
}
TIME = Quantity("train_seconds", "training, s")
PARAMETERS = Quantity("parameters", "parameters, M", 1e-6, deviates=False)

Repeats = Sequence[Sequence[FinishedRun]]
"""Runs of a row by repetition, which is a fold, or a seed with all of its folds."""


def draw(settings: Report) -> None:
    """Write the table of a command line.

    Raises:
        DataError: there is no finished run, or the runs are of several label spaces.
        WriteError: the file cannot be written.
    """
    runs = finished_runs(Path(settings.runs), _leave_out)
    _require_same_classes(runs, settings.runs)
    configurations = _configurations(runs)
    if not configurations:
        raise DataError(f"runs={settings.runs}: no configuration has folds of one split")
    _warn_of_missing_folds(configurations)
    rows, repeat = _rows(configurations)
    cards = {name: list(map(_card, repeats)) for name, repeats in rows.items()}
    selection = _selection(rows)
    best = (selection or Selection.by_test(cards)).best()
    write_bytes(
        Path(settings.output), ENCODERS[settings.format](_table(rows, repeat, selection, best))
    )
    console.print(comparison_table(cards, "all configurations, test set", repeat, selection))
    console.print(f"{counted(len(rows), 'configuration')} in {settings.runs}")


def _leave_out(reason: str) -> None:
    say(f"warning: left out: {reason}")


def _require_same_classes(runs: Sequence[FinishedRun], folder: str) -> None:
    """Check that the scores of all runs are of the same classes.

    Raises:
        DataError: names two label spaces.
    """
    spaces: dict[tuple[str, ...], str] = {}
    for run in runs:
        classes = tuple(row["name"] for row in run.metrics["test"]["per_class"])
        spaces.setdefault(classes, run.config["choices"].get("labels", ""))
    if len(spaces) > 1:
        named = [
            f"labels={shortened(name)} ({len(classes)} classes: {abbreviate(classes)})"
            for classes, name in spaces.items()
        ]
        raise DataError(
            f"runs={folder}: the runs are of different label spaces, {' and '.join(named[:2])}; "
            "select a folder with runs of one, such as runs=outputs/<dataset>-<labels>"
        )


def _configurations(runs: Sequence[FinishedRun]) -> dict[str, list[FinishedRun]]:
    """Group the folds of each configuration by its name; leave out folds of several splits."""
    groups: dict[Path, list[FinishedRun]] = {}
    for run in runs:
        groups.setdefault(run.configuration, []).append(run)
    for folder, group in list(groups.items()):
        divisions = {run.metrics["division"] for run in group}
        if len(divisions) > 1:
            _leave_out(f"the folds in {folder} come from {len(divisions)} splits of the dataset")
            del groups[folder]
    names = run_names([group[0] for group in groups.values()], folds=False)
    return dict(zip(names, groups.values(), strict=True))


def _warn_of_missing_folds(configurations: Mapping[str, Sequence[FinishedRun]]) -> None:
    planned = {
        name: group[0].config["config"]["split"].get("folds", 1)
        for name, group in configurations.items()
    }
    missing = [
        f"{name or 'the runs'} ({len(group)} of {planned[name]})"
        for name, group in configurations.items()
        if group[0].fold is not None and len(group) != planned[name]
    ]
    if missing:
        say(f"warning: not all folds are finished: {abbreviate(missing)}")


def _rows(
    configurations: Mapping[str, Sequence[FinishedRun]],
) -> tuple[dict[str, Repeats], str]:
    """Combine configurations that differ only in their seed.

    Returns:
        Repetitions of each row by its name, and the noun for them: seeds if any row has several.
    """
    seeds: dict[str, list[Sequence[FinishedRun]]] = {}
    for name, group in configurations.items():
        words = [word for word in name.split() if not word.startswith("seed=")]
        choices = group[0].config["choices"]
        row = " ".join(words) or f"{choices.get('model')} {choices.get('backbone')}"
        seeds.setdefault(row, []).append(group)
    if any(len(groups) > 1 for groups in seeds.values()):
        return {**seeds}, "seed"
    return {name: [[run] for run in group] for name, (group,) in seeds.items()}, "fold"


def _card(group: Sequence[FinishedRun]) -> Mapping[str, Any]:
    """Scorecard of a repetition: that of its run, or the mean over its folds."""
    cards = [run.metrics["test"] for run in group]
    return cards[0] if len(cards) == 1 else mean_card(cards)


def _selection(rows: Mapping[str, Repeats]) -> Selection | None:
    """Select the validation scores by which rows are compared; None if a run has none."""
    parts = {
        name: {f"{number} {name}": group for number, group in enumerate(repeats)}
        for name, repeats in rows.items()
    }
    groups = {part: group for named in parts.values() for part, group in named.items()}
    selection = Selection.of({p: [run.metrics for run in group] for p, group in groups.items()})
    return selection and selection.over_repeats({name: [*named] for name, named in parts.items()})


def _table(
    rows: Mapping[str, Repeats], repeat: str, selection: Selection | None, best: set[str]
) -> PaperTable:
    runs = {name: [run for group in repeats for run in group] for name, repeats in rows.items()}
    tests = [overall_scores(run.metrics["test"]) for group in runs.values() for run in group]
    scores = (*headline({name for test in tests for name in test}), ACCURACY)
    columns = [Quantity.of(score) for score in scores]
    if selection:
        score = selection.score
        columns.append(
            Quantity.of(score, f"validation_{score.name}", validation_heading(selection))
        )
    columns += [TIME, PARAMETERS]
    lines = []
    for name, repeats in rows.items():
        values = {score.name: _summary(repeats, _test_score(score.name)) for score in scores}
        values[TIME.name] = _summary(repeats, lambda run: run.metrics.get(TIME.name))
        values[PARAMETERS.name] = {"mean": runs[name][0].metrics.get(PARAMETERS.name)}
        if selection:
            values[f"validation_{selection.score.name}"] = mean_and_std(selection.values[name])
        folds = Counter(run.seed for run in runs[name])
        suspect = any(doubts(run.metrics["test"]) for run in runs[name])
        lines.append(Line(name, min(folds.values()), len(folds), values, name in best, suspect))
    repeated = over(*sorted({len(repeats) for repeats in rows.values()}), repeat=repeat)
    caption = f"Scores in percent, means over classes{repeated}; bold: {best_rule(selection)}"
    return PaperTable(columns, lines, caption)


def _test_score(name: str) -> Callable[[FinishedRun], float | None]:
    return lambda run: overall_scores(run.metrics["test"]).get(name)


def _summary(
    repeats: Repeats, value: Callable[[FinishedRun], float | None]
) -> Mapping[str, float | None]:
    """Mean and standard deviation over repetitions of the mean value of their runs."""
    return mean_and_std(mean_and_std(map(value, group))["mean"] for group in repeats)
