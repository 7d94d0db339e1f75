"""Scores of several runs over their epochs in one figure."""

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from clothseg.error import DataError
from clothseg.report.canvas import report_style, save_figure, text_width

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Okabe and Ito's color-blind-safe palette without its yellow, which is faint on white."""
DASHES = ("-", "--", ":", "-.")
LINES = len(COLORS) * len(DASHES)
"""Maximum number of runs in a figure."""

WIDTH = 7.0
"""Width of a figure, inches; it grows with longer names."""

LABELS = {
    "loss": "validation loss",
    "accuracy": "accuracy in percent",
    "binary_iou": "binary IoU in percent",
    "mean_precision": "mean precision in percent",
    "mean_recall": "mean recall in percent",
    "mean_f1": "mean F1 in percent",
    "mean_iou": "mean IoU in percent",
}


@report_style
def draw_curves(
    histories: Mapping[str, Sequence[Mapping[str, float]]], scores: Sequence[str], path: Path
) -> None:
    """Draw one line per run in one panel per validation score.

    Missing and non-finite values are skipped; the line connects their neighbors.

    Args:
        histories: the epochs of each run, as in `history.csv`, by name of the run.
        scores: keys of :data:`LABELS`.
        path: the PNG to write.

    Raises:
        DataError: more runs than distinguishable lines.
    """
    if len(histories) > LINES:
        raise DataError(
            f"{len(histories)} runs are too many for one figure, the limit is {LINES}: select a "
            "folder with fewer, such as runs=outputs/<dataset>-<labels>/<model>-<backbone>"
        )
    longest = max(text_width(name, 8) for name in histories)
    columns = min(max(1, int(WIDTH / (longest + 0.6))), len(histories))
    lines = math.ceil(len(histories) / columns)
    height = 2.4 * len(scores) + 0.17 * lines + 0.6
    figure = Figure((max(WIDTH, longest + 0.6), height), layout="constrained")
    panels = figure.subplots(len(scores), 1, sharex=True, squeeze=False)[:, 0]
    styles = [(color, dash) for dash, color in itertools.product(DASHES, COLORS)]
    for axes, score in zip(panels, scores, strict=True):
        scale = 1 if score == "loss" else 100
        for (color, dash), (name, rows) in zip(styles, histories.items(), strict=False):
            points = [(row["epoch"], scale * row.get(f"val/{score}", math.nan)) for row in rows]
            finite = np.array([point for point in points if math.isfinite(point[1])])
            epochs, values = finite.reshape(-1, 2).T
            marker = "o" if len(finite) == 1 else None  # a line through one point is invisible
            axes.plot(epochs, values, dash, color=color, marker=marker, label=name)
        axes.set_ylabel(LABELS[score])
        axes.grid()
    panels[-1].set_xlabel("epoch")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if len(histories) > 1:
        figure.legend(
            *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=columns
        )
    figure.align_ylabels()
    save_figure(figure, path)
