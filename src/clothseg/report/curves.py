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

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Okabe and Ito's color-blind-safe palette without its yellow, which is faint on white."""
DASHES = ("-", "--", ":", "-.")
LINES = len(COLORS) * len(DASHES)
"""Maximum number of runs in a figure."""

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
    histories: Mapping[str, Sequence[Mapping[str, float]]],
    scores: Sequence[str],
    path: Path,
    train: bool = False,
) -> None:
    """Draw one line per run in one panel per validation score.

    Missing and non-finite values are skipped; the line connects their neighbors.

    Args:
        histories: the epochs of each run, as in `history.csv`, by name of the run.
        scores: keys of :data:`LABELS`.
        path: the PNG to write.
        train: also draw the values of the training batches, as a thin pale line.

    Raises:
        DataError: more runs than distinguishable lines.
    """
    if len(histories) > LINES:
        raise DataError(
            f"{len(histories)} runs are too many for one figure, the limit is {LINES}: select a "
            "folder with fewer, such as runs=outputs/<dataset>-<labels>/<model>-<backbone>"
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
        for (color, dash), (name, rows) in zip(styles, runs, strict=False):
            _draw_line(axes, rows, f"val/{score}", {"linestyle": dash, "color": color}, name)
            if train:
                pale = {"linestyle": dash, "color": color, "linewidth": 0.8, "alpha": 0.5}
                _draw_line(axes, rows, f"train/{score}", pale, None)
        axes.set_ylabel(LABELS[score])
        axes.grid()
    panels[-1].set_xlabel("epoch; thin lines: training" if train else "epoch")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if len(histories) > 1:
        figure.legend(
            *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=columns
        )
    figure.align_ylabels()
    save_figure(figure, path)


def _draw_line(
    axes: Axes,
    rows: Sequence[Mapping[str, float]],
    key: str,
    style: Mapping[str, Any],
    label: str | None,
) -> None:
    scale = 100 if EPOCH_SCORES[key.partition("/")[2]].fraction else 1
    points = [(row["epoch"], scale * row.get(key, math.nan)) for row in rows]
    finite = np.array([point for point in points if math.isfinite(point[1])])
    epochs, values = finite.reshape(-1, 2).T
    marker = "o" if len(finite) == 1 else None  # a line through one point is invisible
    axes.plot(epochs, values, marker=marker, label=label, **style)
