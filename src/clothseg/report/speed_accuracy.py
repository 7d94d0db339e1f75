"""Figure of precision against time per image, one panel per score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox

from clothseg.error import shortened
from clothseg.report.canvas import (
    BLUE,
    DPI,
    GRAY,
    MAX_NAME,
    ORANGE,
    TITLE,
    fit_title,
    report_style,
    save_figure,
)
from clothseg.report.point_labels import LABEL_SIZE, MARGIN, place_label, text_box

LOG_SCALE_RATIO = 5
"""Ratio of the longest to the shortest time above which the axis is logarithmic."""
PANEL = 4.6, 3.9
"""Width and height of a panel, inches."""


@dataclass(frozen=True)
class Method:
    """Method with its time and its precision.

    Args:
        name: name of the method.
        milliseconds: shortest and longest time per image, which differ if the time depends on the
            number of people.
        precision: scores by name, fractions from 0 to 1; empty if none is known.
        note: second line of the label, such as the dataset; empty for none.
        measured: whether the numbers are our own.
    """

    name: str
    milliseconds: tuple[float, float]
    precision: Mapping[str, float]
    note: str = ""
    measured: bool = False

    @property
    def label(self) -> str:
        """Text next to its point, one or two lines."""
        lines = (self.name, self.note)
        return "\n".join(shortened(line, MAX_NAME) for line in lines if line)


@report_style
def draw_speed_accuracy(
    methods: Sequence[Method], path: Path, title: str, cited: str = "as cited"
) -> None:
    """Draw methods in one panel for each score that any of them has, each labeled at its point.

    A time that depends on the number of people is a bar from the shortest to the longest one.
    Methods without any score are on the axis of time.

    Args:
        methods: the methods, at least one of which has a score.
        path: the PNG to write.
        title: title of the figure.
        cited: description of the numbers that are not our own, such as their paper and hardware.

    Source: loesch2021, Fig. 4.
    """
    scores = list(dict.fromkeys(score for method in methods for score in method.precision))
    width = PANEL[0] * len(scores)
    figure = Figure((width, PANEL[1]), layout="constrained")
    panels = figure.subplots(1, len(scores), squeeze=False)[0]
    for axes, score in zip(panels, scores, strict=True):
        _set_axes(axes, methods, score)
        for method in _shown(methods, score):
            _draw_method(axes, method, method.precision.get(score))
    kinds = {"circles: " + cited: False, "diamonds: measured here": True}
    present = [text for text, own in kinds.items() if any(m.measured == own for m in methods)]
    figure.supxlabel("; ".join(present), fontsize=LABEL_SIZE, color=GRAY)
    figure.suptitle(fit_title(title, width), **TITLE)
    figure.set_dpi(DPI)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes, score in zip(panels, scores, strict=True):
        _label_methods(axes, methods, score)
    save_figure(figure, path)


def _shown(methods: Sequence[Method], score: str) -> list[Method]:
    """Select the methods of the panel of a score."""
    return [method for method in methods if score in method.precision or not method.precision]


def _set_axes(axes: Axes, methods: Sequence[Method], score: str) -> None:
    """Set limits that leave room for labels; all panels have the same axis of time."""
    shortest = min(method.milliseconds[0] for method in methods)
    longest = max(method.milliseconds[1] for method in methods)
    highest = max(method.precision.get(score, 0) for method in methods)
    if longest > LOG_SCALE_RATIO * shortest:
        axes.set_xscale("log")
        axes.set_xlim(shortest / 1.9, longest * 1.9)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    else:
        axes.set_xlim(0, 1.3 * longest)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, min_n_ticks=1))
    axes.set_ylim(0, min(112, 125 * max(0.01, highest)))
    axes.set(xlabel="time per image in ms", ylabel=f"{score} in percent")
    axes.grid()
    axes.set_axisbelow(True)


def _draw_method(axes: Axes, method: Method, precision: float | None) -> None:
    """Draw the point of a method, or the bar of its times with a point at both ends."""
    style: dict[str, Any] = {
        "color": ORANGE if method.measured else BLUE,
        "clip_on": False,
        "zorder": 3,
    }
    marker = "D" if method.measured else "o"
    times = sorted(set(method.milliseconds))
    if precision is None:
        style["color"], marker = GRAY, "|"
    heights = [100 * (precision or 0)] * len(times)
    axes.plot(times, heights, marker=marker, markersize=6, linewidth=2.2, **style)


def _label_methods(axes: Axes, methods: Sequence[Method], score: str) -> None:
    """Write each label at the first place around its point that is free."""
    shown = _shown(methods, score)
    lines = [_pixels(axes, method, method.precision.get(score, 0)) for method in shown]
    marks, written = [Bbox(line).padded(MARGIN) for line in lines], list[Bbox]()
    for method, line, mark in zip(shown, lines, marks, strict=True):
        text, color = method.label, ORANGE if method.measured else "black"
        if not method.precision:
            text, color = f"{text}\nno score known", GRAY
        label = place_label(
            axes, text, line, [mark, *(other for other in marks if other is not mark)], written
        )
        label.set_color(color)
        written.append(text_box(label).padded(MARGIN))


def _pixels(axes: Axes, method: Method, precision: float) -> np.ndarray:
    """Return both ends of the bar of a method in pixels, float [2,2]."""
    ends = [(time, 100 * precision) for time in method.milliseconds]
    return np.asarray(axes.transData.transform(ends))
