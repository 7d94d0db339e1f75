"""Chapter of a page: configurations of one dataset and label space.

This module does not import torch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from clothseg.error import DataError, abbreviate
from clothseg.metric.aggregate import mean_and_std, pooled_matrix
from clothseg.metric.average import nan_mean
from clothseg.metric.names import DEFAULT_MONITOR, PRIMARY, VALIDATION_LOSS
from clothseg.metric.selection import Selection
from clothseg.report.mean_curves import MeanCurve, mean_curve
from clothseg.report.page.content import Chapter, Configuration
from clothseg.report.page.pictures import recorded_figure
from clothseg.report.paper_table import Interval, PaperTable
from clothseg.report.tables import counted
from clothseg.run.comparison.tables import P_VALUE, ComparedTables
from clothseg.run.configurations import Configurations
from clothseg.run.finished import FinishedRun
from clothseg.run.page.cells import run_table, shared_and_differing, short_labels
from clothseg.run.page.images import ImageMeans, remarkable_images
from clothseg.run.page.standings import class_test, compared, told_classes
from clothseg.run.tables import read_history

MAX_CHARTED = 60
"""Largest number of configurations with charts; the tables have all."""
CURVES = (DEFAULT_MONITOR, VALIDATION_LOSS)
FIGURES = {"best": "highest IoU", "worst": "lowest IoU"}
"""Recorded figures of test images by file name."""


def chapter(tables: ComparedTables, means: ImageMeans, note: Callable[[str], None]) -> Chapter:
    """Collect what a page shows of configurations, the best first.

    Args:
        tables: the configurations and their comparison.
        means: means of the test images that were read for the comparison.
        note: takes the reason, in words, why something is left out.
    """
    table = tables.paper_table()  # reads the scores of images
    order = _ranked(tables.comparison.selection)
    repeats = tables.configurations.repeats
    found = Configurations({name: repeats[name] for name in order}, tables.configurations.noun)
    lines = {line.name: line for line in table.lines}
    # Intervals and p-values have a table of their own.
    columns = [one for one in table.quantities if not isinstance(one, Interval) and one != P_VALUE]
    firsts = [found.runs(name)[0] for name in order]
    common, differing = shared_and_differing(firsts)
    short = dict(zip(order, short_labels(order, differing), strict=True))
    charted = order[:MAX_CHARTED]
    lost: list[str] = []
    curves = {name: _curves(found.runs(name), lost.append) for name in charted}
    if lost:
        note(f"{counted(len(lost), 'learning curve')} left out: {abbreviate(lost)}")
    config, metrics = firsts[0].config, firsts[0].metrics
    classes = [row["name"] for row in metrics["test"]["per_class"]]
    choices = config["choices"]
    return Chapter(
        title=f"{choices.get('dataset')}, {choices.get('labels')} ({len(classes)} classes)",
        classes=classes,
        common=common,
        table=PaperTable(columns, [lines[name] for name in order], table.caption),
        configurations=[
            replace(
                _configuration(name, short[name], chosen, found.runs(name), curves.get(name, {})),
                told=told_classes(tables.by_class.get(name)),
            )
            for name, chosen in zip(order, differing, strict=True)
        ],
        comparison=compared(tables.comparison, order),
        shown=len(charted),
        noun=found.noun,
        runs=run_table(found, short),
        class_test=class_test(tables.by_class, tables.comparison.pairs),
        images=remarkable_images({short[name]: found.runs(name) for name in charted}, means, note),
        recorded=_recorded(firsts[0]),
        colors=config["config"]["labels"].get("colors", []),
    )


def _ranked(selection: Selection) -> list[str]:
    """Sort names from the best to the worst score; undefined ones come last."""
    sign = -1 if selection.score.higher_is_better else 1
    means = {name: mean_and_std(values)["mean"] for name, values in selection.values.items()}

    def rank(name: str) -> tuple[bool, float]:
        mean = means[name]
        return (True, 0.0) if mean is None else (False, sign * mean)

    return sorted(means, key=rank)


def _configuration(
    name: str,
    label: str,
    chosen: Mapping[str, str],
    runs: Sequence[FinishedRun],
    curves: Mapping[str, MeanCurve],
) -> Configuration:
    cards = [run.metrics["test"] for run in runs]
    rows = [[row[PRIMARY.key] for row in card["per_class"]] for card in cards]
    iou = np.asarray(nan_mean(np.array(rows, np.float64), 0))
    folders = [run.folder for run in runs]
    return Configuration(name, label, chosen, folders, iou, pooled_matrix(cards), curves)


def _curves(runs: Sequence[FinishedRun], lost: Callable[[str], None]) -> dict[str, MeanCurve]:
    """Average the learning curves of a configuration.

    Args:
        runs: its runs.
        lost: takes the reason why a run is left out.
    """
    histories = []
    for run in runs:
        try:
            histories.append(read_history(run.folder))
        except DataError as error:
            lost(str(error))
    found = {key: mean_curve(histories, key) for key in CURVES}
    return {key: curve for key, curve in found.items() if curve is not None}


def _recorded(run: FinishedRun) -> dict[str, str]:
    """Encode the recorded figures of test images of a run, by what they show."""
    found = {
        what: recorded_figure(run.folder / "figures" / f"{name}.png")
        for name, what in FIGURES.items()
    }
    return {what: figure for what, figure in found.items() if figure}
