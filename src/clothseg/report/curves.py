"""Scores of several runs over their epochs in one figure."""

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from clothseg.error import DataError, shortened
from clothseg.metric.names import EPOCH_SCORES
from clothseg.report.canvas import report_style, save_figure, text_width
from clothseg.report.mean_curves import History, MeanCurve, mean_curve

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Okabe and Ito's color-blind-safe palette without its yellow, which is faint on white."""
DASHES = ("-", "--", ":", "-.")
LINES = len(COLORS) * len(DASHES)
"""Maximum number of lines in a figure."""

WIDTH = 7.0
"""Width of a figure, inches; it grows with longer names."""
MAX_LABEL = 150
"""Longest name of a run in a legend, characters; a figure is then 11 to 17 inches wide."""

LABELS = {
    name: f"{score.title} in percent" if score.fraction else f"validation {score.title}"
    for name, score in EPOCH_SCORES.items()
}


@report_style
def draw_curves(
    histories: Mapping[str, Sequence[History]],
    scores: Sequence[str],
    path: Path,
    train: bool = False,
) -> None:
    """Draw one line per run, or per mean over several, in one panel per validation score.

    Missing and non-finite values are skipped; the line connects their neighbors. A band around a
    mean is one standard deviation wide to either side.

    Args:
        histories: the epochs of the run of each line, or of the runs of which it is the mean, by
            name of the line.
        scores: keys of :data:`LABELS`.
        path: the PNG to write.
        train: also draw the values of the training batches, as a thin pale line.

    Raises:
        DataError: more lines than can be told apart.
    """
    if len(histories) > LINES:
        raise DataError(
            f"{len(histories)} lines are too many for one figure, the limit is {LINES}: "
            "average=true draws the mean of each configuration, and a folder with fewer runs, such "
            "as runs=outputs/<dataset>-<labels>/<model>-<backbone>, fewer lines"
        )
    names = [shortened(name, MAX_LABEL) for name in histories]
    longest = max(text_width(name, 8) for name in names)
    columns = min(max(1, int(WIDTH / (longest + 0.6))), len(histories))
    lines = math.ceil(len(histories) / columns)
    height = 2.4 * len(scores) + 0.17 * lines + 0.6
    figure = Figure((max(WIDTH, longest + 0.6), height), layout="constrained")
    panels = figure.subplots(len(scores), 1, sharex=True, squeeze=False)[:, 0]
    styles = [(color, dash) for dash, color in itertools.product(DASHES, COLORS)]
    for axes, score in zip(panels, scores, strict=True):
        runs = zip(names, histories.values(), strict=True)
        for (color, dash), (name, group) in zip(styles, runs, strict=False):
            style = {"linestyle": dash, "color": color}
            _draw_line(axes, mean_curve(group, f"val/{score}"), style, name)
            if train:
                pale = style | {"linewidth": 0.8, "alpha": 0.5}
                _draw_line(axes, mean_curve(group, f"train/{score}"), pale, None)
        axes.set_ylabel(LABELS[score])
        axes.grid()
    notes = ["thin lines: training"] if train else []
    if any(len(group) > 1 for group in histories.values()):
        notes.append("bands: one standard deviation over runs")
    panels[-1].set_xlabel("; ".join(["epoch", *notes]))
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if len(histories) > 1:
        figure.legend(
            *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=columns
        )
    figure.align_ylabels()
    save_figure(figure, path)


def _draw_line(
    axes: Axes, curve: MeanCurve | None, style: Mapping[str, Any], label: str | None
) -> None:
    if curve is None:
        axes.plot([], [], label=label, **style)  # the legend has all runs
        return
    marker = "o" if len(curve.epochs) == 1 else None  # a line through one point is invisible
    axes.plot(curve.epochs, curve.mean, marker=marker, label=label, **style)
    if label is not None and not np.isnan(curve.std).all():
        band = {"color": style["color"], "alpha": 0.15, "linewidth": 0}
        axes.fill_between(curve.epochs, curve.low, curve.high, **band)
