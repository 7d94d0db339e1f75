"""Pictures of a dataset: how often its classes occur, how large its photos are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from clothseg.report.canvas import (
    BLUE,
    GREY,
    ORANGE,
    TITLE,
    fit_title,
    report_style,
    save_figure,
    text_width,
)

RANGE = 100
"""Ratio of the most to the least frequent class from which on a linear axis would hide some."""
BINS = 40
"""About the most bins of a histogram of sizes."""
LEAST_RANGE = 20
"""Least pixels that the axis of a histogram of sizes spans."""


@report_style
def draw_class_bars(
    values: Sequence[int],
    total: int,
    names: Sequence[str],
    path: Path,
    unit: str,
    title: str,
    of: str = "class",
) -> None:
    """Draw one bar per class, the most frequent first.

    The axis is logarithmic where the classes differ much.

    Args:
        values: pixels, photos or instances of each class [K].
        total: what 100 percent are.
        names: class names [K].
        path: the PNG to write.
        unit: what is counted.
        title: printed above the bars.
        of: what the bars are.

    Source: inacio2019, Fig. 4; castro2019, Fig. 2; loesch2021, Fig. 2.
    """
    order = np.argsort(-np.asarray(values), kind="stable")
    value = np.asarray(values)[order]
    rows = range(len(order))
    longest = max(text_width(name, 8) for name in names)
    figure = Figure((longest + 5.2, 0.2 * len(order) + 1.1), layout="constrained")
    axes = figure.add_subplot()
    present = value[value > 0]
    logarithmic = bool(present.size) and present.max() > RANGE * present.min()
    least = present.min() / 2 if logarithmic else 0
    most = max(value.max(), 1)
    if logarithmic:
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.barh(rows, np.maximum(value, least), height=0.72, color=BLUE)
    for row, number in enumerate(value):
        text = f"{number:,} ({_percent(number / max(total, 1))})" if number else "none"
        place, color = (max(number, least), row), "black" if number else GREY
        axes.annotate(
            text, place, (3, 0), textcoords="offset points", va="center", fontsize=7, color=color
        )
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_yticks(rows, [names[k] for k in order])
    right = most * (most / least) ** 0.35 if logarithmic else 1.35 * most  # room for the numbers
    axes.set(xlim=(least, right), ylim=(len(order) - 0.4, -0.6), xlabel=f"{unit} per {of}")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    figure.suptitle(fit_title(title, figure.get_figwidth()), **TITLE)
    save_figure(figure, path)


@report_style
def draw_numbers(numbers: np.ndarray, path: Path, meaning: str, title: str) -> None:
    """Draw how many photos have each number of something.

    Args:
        numbers: one whole number per photo [N].
        path: the PNG to write.
        meaning: what was counted in each photo.
        title: printed above the bars.
    """
    figure = Figure((5.5, 3), layout="constrained")
    axes = figure.add_subplot()
    number, photos = np.unique(numbers, return_counts=True)
    axes.bar(number, photos, width=0.85, color=BLUE)
    _mark_mean(axes, numbers, "")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set(xlabel=meaning, ylabel="photos")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    figure.suptitle(fit_title(title, figure.get_figwidth()), **TITLE)
    save_figure(figure, path)


@report_style
def draw_sizes(sizes: np.ndarray, path: Path, title: str) -> None:
    """Draw how wide and how high the photos are.

    Args:
        sizes: height and width in pixels, int [N,2].
        path: the PNG to write.
        title: printed above the bars.

    Source: castro2019, Fig. 3.
    """
    figure = Figure((7, 3), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, values, label in zip(
        panels, (sizes[:, 1], sizes[:, 0]), ("width", "height"), strict=True
    ):
        low, high = int(values.min()), int(values.max())
        margin = max(0, LEAST_RANGE - (high - low)) // 2
        low, high = low - margin, high + margin
        step = (high - low) // BINS + 1  # whole, so that every bin holds as many sizes
        axes.hist(values, bins=np.arange(low - 0.5, high + step, step).tolist(), color=BLUE)
        _mark_mean(axes, values, " pixels")
        axes.set(xlabel=f"{label} in pixels")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(axis="y")
        axes.set_axisbelow(True)
    panels[0].set_ylabel("photos")
    figure.suptitle(fit_title(title, figure.get_figwidth()), **TITLE)
    save_figure(figure, path)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.01 else f"{100 * share:.2g} %"


def _mark_mean(axes: Axes, values: np.ndarray, unit: str) -> None:
    axes.axvline(values.mean(), color=ORANGE, linestyle="--", linewidth=1.2)
    text = f"mean {values.mean():.1f}{unit}, {values.min()} to {values.max()}"
    axes.set_title(text, color=ORANGE, fontsize=8)
