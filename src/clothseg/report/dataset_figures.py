"""Figures of a dataset: class frequencies and image sizes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from clothseg.error import shortened
from clothseg.report.canvas import (
    BLUE,
    GRAY,
    MAX_NAME,
    ORANGE,
    TITLE,
    fit_title,
    report_style,
    save_figure,
    text_width,
)

LOG_SCALE_RATIO = 100
"""Ratio of the most to the least frequent class above which the axis is logarithmic."""
MAX_BINS = 40
"""Approximate maximum number of bins of a size histogram."""
MIN_SPAN = 20
"""Minimum span of the axis of a size histogram, pixels."""


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

    The axis is logarithmic if the class frequencies differ widely.

    Args:
        values: pixels, images or instances of each class [K].
        total: count that corresponds to 100 percent.
        names: class names [K].
        path: the PNG to write.
        unit: plural of the counted things.
        title: title of the figure.
        of: noun for what a bar represents.

    Source: inacio2019, Fig. 4; castro2019, Fig. 2; loesch2021, Fig. 2.
    """
    labels = [shortened(name, MAX_NAME) for name in names]
    longest = max(text_width(label, 8) for label in labels)
    figure = Figure((longest + 5.2, 0.2 * len(labels) + 1.1), layout="constrained")
    _draw_bars(figure.add_subplot(), values, total, labels, f"{unit} per {of}")
    figure.suptitle(fit_title(title, figure.get_figwidth()), **TITLE)
    save_figure(figure, path)


@report_style
def draw_images_per_label(
    images: Mapping[str, Mapping[str, int]], total: int, path: Path, title: str
) -> None:
    """Draw the images of each label of several kinds: the first kind left, the others beside it.

    Args:
        images: number of images by kind, at least two, and label.
        total: number of all images.
        path: the PNG to write.
        title: title of the figure.

    Source: loesch2021, Fig. 2.
    """
    labels = {
        kind: [shortened(name, MAX_NAME) for name in counts] for kind, counts in images.items()
    }
    longest = max(text_width(label, 8) for texts in labels.values() for label in texts)
    first, *others = images
    bars = max(len(images[first]), sum(len(images[kind]) + 3 for kind in others))
    figure = Figure((2 * longest + 7.4, 0.2 * bars + 0.7), layout="constrained")
    left, right = figure.subfigures(1, 2, squeeze=False)[0]
    ratios = [len(images[kind]) + 1 for kind in others]
    panels = right.subplots(len(others), 1, height_ratios=ratios, squeeze=False)[:, 0]
    for kind, axes in zip(images, [left.add_subplot(), *panels], strict=True):
        counts = list(images[kind].values())
        _draw_bars(axes, counts, total, labels[kind], f"images per {kind}")
    figure.suptitle(fit_title(title, figure.get_figwidth()), **TITLE)
    save_figure(figure, path)


def _draw_bars(
    axes: Axes, values: Sequence[int], total: int, labels: Sequence[str], meaning: str
) -> None:
    """Draw one horizontal bar per label, the largest first, with its number and percentage."""
    order = np.argsort(-np.asarray(values), kind="stable")
    value = np.asarray(values)[order]
    rows = range(len(order))
    present = value[value > 0]
    logarithmic = bool(present.size) and present.max() > LOG_SCALE_RATIO * present.min()
    left = present.min() / 2 if logarithmic else 0
    largest = max(value.max(), 1)
    if logarithmic:
        axes.set_xscale("log")
        axes.minorticks_off()
    else:
        axes.xaxis.set_major_locator(
            MaxNLocator(nbins=7, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1)
        )
    axes.barh(rows, np.maximum(value, left), height=0.72, color=BLUE)
    for row, number in enumerate(value):
        text = f"{number:,} ({_percent(number / max(total, 1))})" if number else "none"
        position, color = (max(number, left), row), "black" if number else GRAY
        axes.annotate(
            text, position, (3, 0), textcoords="offset points", va="center", fontsize=7, color=color
        )
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_yticks(rows, [labels[k] for k in order])
    # Leave room for the numbers behind the bars.
    right = largest * (largest / left) ** 0.35 if logarithmic else 1.35 * largest
    axes.set(xlim=(left, right), ylim=(len(order) - 0.4, -0.6), xlabel=meaning)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_axisbelow(True)


@report_style
def draw_count_histogram(counts: np.ndarray, path: Path, meaning: str, title: str) -> None:
    """Draw a histogram of a count per image.

    Args:
        counts: one integer per image [N].
        path: the PNG to write.
        meaning: label of the counts.
        title: title of the figure.
    """
    figure = Figure((5.5, 3), layout="constrained")
    axes = figure.add_subplot()
    count, images = np.unique(counts, return_counts=True)
    axes.bar(count, images, width=0.85, color=BLUE)
    _mark_mean(axes, counts, "")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set(xlabel=meaning, ylabel="images")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    figure.suptitle(fit_title(title, figure.get_figwidth()), **TITLE)
    save_figure(figure, path)


@report_style
def draw_size_histograms(sizes: np.ndarray, path: Path, title: str) -> None:
    """Draw histograms of the width and height of the images.

    Args:
        sizes: height and width in pixels, int [N,2].
        path: the PNG to write.
        title: title of the figure.

    Source: castro2019, Fig. 3.
    """
    figure = Figure((7, 3), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, values, label in zip(
        panels, (sizes[:, 1], sizes[:, 0]), ("width", "height"), strict=True
    ):
        low, high = int(values.min()), int(values.max())
        margin = max(0, MIN_SPAN - (high - low)) // 2
        low, high = low - margin, high + margin
        step = (
            high - low
        ) // MAX_BINS + 1  # an integer, so that every bin covers equally many sizes
        axes.hist(values, bins=np.arange(low - 0.5, high + step, step).tolist(), color=BLUE)
        _mark_mean(axes, values, " pixels")
        axes.set(xlabel=f"{label} in pixels")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(axis="y")
        axes.set_axisbelow(True)
    panels[0].set_ylabel("images")
    figure.suptitle(fit_title(title, figure.get_figwidth()), **TITLE)
    save_figure(figure, path)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %" if fraction >= 0.01 else f"{100 * fraction:.2g} %"


def _mark_mean(axes: Axes, values: np.ndarray, unit: str) -> None:
    axes.axvline(values.mean(), color=ORANGE, linestyle="--", linewidth=1.2)
    text = f"mean {values.mean():.1f}{unit}, {values.min()} to {values.max()}"
    axes.set_title(text, color=ORANGE, fontsize=8)
