"""`target=table`: scores of configurations as CSV, Markdown or LaTeX."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from clothseg.commands.report.runs import require_same_classes
from clothseg.config.settings import Report, TableFormat
from clothseg.error import DataError, abbreviate
from clothseg.files import write_bytes
from clothseg.metric.aggregate import mean_and_std
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
from clothseg.run.configurations import (
    Configurations,
    combine_seeds,
    group_folds,
    missing_folds,
    summary,
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


def draw(settings: Report) -> None:
    """Write the table of a command line.

    Raises:
        DataError: there is no finished run, or the runs are of several label spaces.
        WriteError: the file cannot be written.
    """
    runs = finished_runs(Path(settings.runs), _leave_out)
    require_same_classes(runs, settings.runs)
    groups = group_folds(runs, _leave_out)
    if not groups:
        raise DataError(f"runs={settings.runs}: no configuration has folds of one split")
    if missing := missing_folds(groups):
        say(f"warning: not all folds are finished: {abbreviate(missing)}")
    rows = combine_seeds(groups)
    cards, selection = rows.cards(), rows.selection()
    best = (selection or Selection.by_test(cards)).best()
    write_bytes(Path(settings.output), ENCODERS[settings.format](_table(rows, selection, best)))
    console.print(comparison_table(cards, "all configurations, test set", rows.noun, selection))
    console.print(f"{counted(len(cards), 'configuration')} in {settings.runs}")


def _leave_out(reason: str) -> None:
    say(f"warning: left out: {reason}")


def _table(rows: Configurations, selection: Selection | None, best: set[str]) -> PaperTable:
    runs = {name: rows.runs(name) for name in rows.repeats}
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
    for name, repeats in rows.repeats.items():
        values = {score.name: summary(repeats, _test_score(score.name)) for score in scores}
        values[TIME.name] = summary(repeats, lambda run: run.metrics.get(TIME.name))
        values[PARAMETERS.name] = {"mean": runs[name][0].metrics.get(PARAMETERS.name)}
        if selection:
            values[f"validation_{selection.score.name}"] = mean_and_std(selection.values[name])
        folds = Counter(run.seed for run in runs[name])
        suspect = any(doubts(run.metrics["test"]) for run in runs[name])
        lines.append(Line(name, min(folds.values()), len(folds), values, name in best, suspect))
    repeated = over(*sorted({len(repeats) for repeats in rows.repeats.values()}), repeat=rows.noun)
    caption = f"Scores in percent, means over classes{repeated}; bold: {best_rule(selection)}"
    return PaperTable(columns, lines, caption)


def _test_score(name: str) -> Callable[[FinishedRun], float | None]:
    return lambda run: overall_scores(run.metrics["test"]).get(name)
