"""Figures of a run: confusion matrix, per-class IoU, learning curves.

They use matplotlib's object interface without its global state, so several processes and threads
can draw concurrently. The colors are safe for color-blind readers.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from clothseg.error import shortened
from clothseg.metric.names import ACCURACY, F1, IOU
from clothseg.report.canvas import (
    BLUE,
    GRAY,
    GREEN,
    MAX_NAME,
    ORANGE,
    TITLE,
    fit_title,
    report_style,
    save_figure,
    text_width,
)

SERIES = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"))
"""Color and marker of each line of a panel; markers distinguish lines in grayscale print."""


@report_style
def draw_confusion_matrix(matrix: np.ndarray, names: Sequence[str], path: Path, title: str) -> None:
    """Draw a confusion matrix, normalized to percent of the true pixels of each class.

    With up to 25 classes, cells of at least 1 % show their number. Shades follow the square root,
    so that confusions of a few percent stay visible. Rows of classes without true pixels are
    hatched. Names over 24 characters are shortened.

    Args:
        matrix: pixel counts int64 [K,K], rows = ground truth, columns = predictions.
        names: class names [K].
        path: the PNG to write.
        title: title of the figure.
    """
    classes = len(names)
    numbered = classes <= 25
    cell = min(max(4.0 / classes, 0.36), 0.8) if numbered else 0.145
    size = 8 if numbered else 6.5
    labels = [shortened(name, 24) for name in names]
    longest = max(text_width(label, size) for label in labels)
    horizontal = longest < 0.9 * cell
    figure = Figure(
        (classes * cell + longest + 1.4, classes * cell + (0 if horizontal else longest) + 1.1),
        layout="compressed",
    )
    axes = figure.add_subplot()
    support = matrix.sum(axis=1)
    percent = 100 * matrix / np.maximum(support, 1)[:, None]
    image = axes.imshow(percent, cmap="Blues", norm=PowerNorm(0.5, 0, 100))
    axes.set_xticks(range(classes), labels, fontsize=size, rotation=0 if horizontal else 90)
    axes.set_yticks(range(classes), labels, fontsize=size)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    edges = np.arange(classes + 1) - 0.5
    axes.hlines(edges, -0.5, classes - 0.5, color="#d0d0d0", linewidth=0.5)
    axes.vlines(edges, -0.5, classes - 0.5, color="#d0d0d0", linewidth=0.5)
    if numbered:
        _write_percentages(axes, percent)
    _hatch_absent_rows(axes, support)
    bar = figure.colorbar(image, ax=axes, ticks=[0, 1, 5, 10, 25, 50, 75, 100], aspect=30)
    bar.set_label("percent of the true class's pixels")
    bar.outline.set_visible(False)
    figure.suptitle(fit_title(title, figure.get_figwidth()), **TITLE)
    save_figure(figure, path)


def _write_percentages(axes: Axes, percent: np.ndarray) -> None:
    for row, column in np.argwhere(percent >= 1):
        value = percent[row, column]
        color = "white" if value > 50 else "black"
        number = axes.text(column, row, f"{value:.0f}", ha="center", va="center", color=color)
        number.set_in_layout(
            False
        )  # it is within its cell; laying it out takes a tenth of a second


def _hatch_absent_rows(axes: Axes, support: np.ndarray) -> None:
    absent = np.flatnonzero(support == 0)
    for row in absent:
        axes.axhspan(row - 0.5, row + 0.5, facecolor="#eeeeee", edgecolor="#b0b0b0", hatch="////")
    if absent.size:
        note = f"hatched: no true pixels ({absent.size} of {support.size} classes)"
        axes.set_xlabel(f"{axes.get_xlabel()}\n{note}")


@report_style
def draw_class_iou(
    iou: np.ndarray,
    names: Sequence[str],
    path: Path,
    title: str,
    std: np.ndarray | None = None,
    mean: float | None = None,
) -> None:
    """Draw one bar per class, best first, and the mean over classes.

    Args:
        iou: intersection over union [K], 0 to 1; NaN for an absent class.
        names: class names [K].
        path: the PNG to write.
        title: title of the figure.
        std: standard deviation over folds [K], drawn as error bars; NaN if unknown.
        mean: mean over classes [0, 1]; None: the mean over those that occur.
    """
    order = np.argsort(-np.nan_to_num(iou, nan=-1.0), kind="stable")
    value = 100 * np.asarray(iou, np.float64)[order]
    spread = np.full(len(order), np.nan) if std is None else 100 * std[order]
    rows = range(len(order))
    labels = [shortened(name, MAX_NAME) for name in names]
    longest = max(text_width(label, 8) for label in labels)
    figure = Figure((longest + 5.2, 0.2 * len(order) + 1.1), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(rows, np.nan_to_num(value), height=0.72, color=BLUE)
    axes.errorbar(value, rows, xerr=spread, fmt="none", ecolor="black", elinewidth=0.9, capsize=2)
    for row in rows:
        _write_value(axes, row, value[row], spread[row])
    axes.set_yticks(rows, [labels[k] for k in order])
    axes.set(xlim=(0, 112 if std is None else 125), ylim=(len(order) - 0.4, -0.6))
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("IoU in percent")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    present = value[~np.isnan(value)]
    if present.size:
        average = present.mean() if mean is None else 100 * mean
        axes.axvline(average, color=ORANGE, linestyle="--", linewidth=1.2)
        label = f"mean {average:.1f} ({present.size} of {len(order)} classes)"
        axes.set_title(label, color=ORANGE, fontsize=8)
    figure.suptitle(fit_title(title, figure.get_figwidth()), **TITLE)
    save_figure(figure, path)


def _write_value(axes: Axes, row: int, value: float, spread: float) -> None:
    if math.isnan(value):
        axes.text(1, row, "absent", va="center", color=GRAY, fontstyle="italic", fontsize=7)
        return
    known = not math.isnan(spread)
    text = f"{value:.1f} ± {spread:.1f}" if known else f"{value:.1f}"
    position = value + (spread if known else 0) + 1.2
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
    axes.text(position, row, text, va="center", fontsize=7, bbox=box)


@report_style
def draw_learning_curves(
    history: Sequence[Mapping[str, float]], path: Path, best_epoch: int | None
) -> None:
    """Draw losses, validation scores and learning rate over the epochs.

    Missing and non-finite values are skipped; the line connects their neighbors.

    Args:
        history: one row per epoch: `epoch`, `train/loss`, `val/loss`, `learning_rate`, and scores
            from 0 to 1 such as `val/mean_iou`.
        path: the PNG to write.
        best_epoch: epoch of the saved checkpoint, marked in every panel.
    """
    figure = Figure((7, 6.6), layout="constrained")
    loss, score, rate = figure.subplots(3, 1, sharex=True, height_ratios=[3, 3, 1.4])
    _draw_series(loss, history, {"train/loss": "training", "val/loss": "validation"})
    _draw_series(
        score,
        history,
        {f"val/{score.name}": score.title for score in (IOU, F1, ACCURACY)},
        scale=100,
    )
    _draw_series(rate, history, {"learning_rate": ""})
    loss.set_ylabel("loss")
    score.set(ylabel="validation score in percent", ylim=(0, 100))
    rate.set(ylabel="learning rate", xlabel="epoch")
    rate.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    epochs = [row["epoch"] for row in history]
    margin = max(0.5, 0.03 * (max(epochs) - min(epochs)))
    rate.set_xlim(min(epochs) - margin, max(epochs) + margin)
    rate.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    if best_epoch is not None:
        for axes in (loss, score, rate):
            axes.axvline(best_epoch, color=GRAY, linestyle=":", linewidth=1.2, zorder=0)
        top = loss.get_xaxis_transform()
        loss.text(
            best_epoch, 1.02, f"best epoch {best_epoch}", color=GRAY, ha="center", transform=top
        )
    figure.align_ylabels()
    save_figure(figure, path)


def _draw_series(
    axes: Axes,
    history: Sequence[Mapping[str, float]],
    labels: Mapping[str, str],
    scale: float = 1,
) -> None:
    for (key, label), (color, marker) in zip(labels.items(), SERIES, strict=False):
        points = [(row["epoch"], scale * row.get(key, math.nan)) for row in history]
        finite = [point for point in points if math.isfinite(point[1])]
        if finite:
            epochs, values = zip(*finite, strict=True)
            interval = max(1, len(finite) // 20)
            axes.plot(epochs, values, color=color, marker=marker, label=label, markevery=interval)
    axes.grid()
    if len(axes.lines) > 1:
        axes.legend(loc="best", ncols=len(axes.lines))
