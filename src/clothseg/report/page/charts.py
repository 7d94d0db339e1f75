"""Learning curves as paths of SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clothseg.metric.names import MONITORS
from clothseg.report.mean_curves import MeanCurve

MAX_TOGETHER = 7
"""Largest number of curves in one chart; more are drawn in a small chart each."""
LARGE, SMALL = (760, 300), (230, 120)
"""Width and height of the plot area of a chart, pixels."""
MAX_POINTS = {True: 200, False: 60}
"""Largest number of points of a curve in a chart of all configurations, and in a small one."""
STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Line:
    """Curve in a chart.

    Args:
        number: number of the configuration.
        mean: path of the mean.
        band: closed path around the mean; empty for a single run.
        point: place of the only epoch, through which no line can be drawn; None for several.
        last: value at the last epoch, in words.
    """

    number: int
    mean: str
    band: str
    point: tuple[float, float] | None
    last: str


@dataclass(frozen=True)
class Chart:
    """Curves of one score on common axes.

    Args:
        title: the score.
        together: True for one chart with all curves, False for a small chart for each.
        width: width of the plot area, pixels.
        height: its height, pixels.
        lines: the curves.
        x_ticks: place and text of marks on the axis of epochs.
        y_ticks: place and text of marks on the axis of values.
    """

    title: str
    together: bool
    width: int
    height: int
    lines: Sequence[Line]
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]


def chart(curves: Sequence[MeanCurve | None], key: str) -> Chart | None:
    """Lay out the curves of a score.

    Args:
        curves: curve of each configuration; None if it has none.
        key: a key of :data:`clothseg.metric.names.MONITORS`.

    Returns:
        None if no configuration has a curve.
    """
    found = {number: curve for number, curve in enumerate(curves) if curve is not None}
    if not found:
        return None
    score = MONITORS[key]
    together = len(curves) <= MAX_TOGETHER
    width, height = LARGE if together else SMALL
    epochs = max(int(curve.epochs[-1]) for curve in found.values())
    low = min(float(curve.low.min()) for curve in found.values())
    high = max(float(curve.high.max()) for curve in found.values())
    if score.fraction:
        low, high = max(low, 0.0), min(high, 100.0)
    values = ticks(low, high, 5 if together else 3)
    bottom, top = values[0], values[-1]

    def x(epoch: np.ndarray) -> np.ndarray:
        return np.asarray(width * (epoch - 1) / max(1, epochs - 1))

    def y(value: np.ndarray) -> np.ndarray:
        return np.asarray(height * (1 - (np.clip(value, bottom, top) - bottom) / (top - bottom)))

    lines = []
    for number, curve in found.items():
        kept = _thinned(len(curve.epochs), MAX_POINTS[together])
        xs, mean = x(curve.epochs[kept]), y(curve.mean[kept])
        has_band = not np.isnan(curve.std).all()
        edges = np.concatenate([y(curve.high[kept]), y(curve.low[kept])[::-1]])
        band = _path(np.concatenate([xs, xs[::-1]]), edges) + "Z" if has_band else ""
        point = (float(xs[0]), float(mean[0])) if len(kept) == 1 else None
        lines.append(Line(number, _path(xs, mean), band, point, _text(curve.mean[-1])))
    marks = [tick for tick in ticks(1, max(2, epochs), 6 if together else 3) if 1 <= tick <= epochs]
    whole = sorted({1, *(round(tick) for tick in marks)}) if epochs > 1 else [1]
    return Chart(
        f"{score.title}, percent" if score.fraction else score.title,
        together,
        width,
        height,
        lines,
        [(float(x(np.array(tick))), str(tick)) for tick in whole],
        [(float(y(np.array(tick))), f"{tick:g}") for tick in values],
    )


def ticks(low: float, high: float, number: int) -> list[float]:
    """Choose round numbers that enclose a range, about as many as asked for and at least two."""
    span = high - low if high > low else max(abs(high), 1.0)
    power = 10.0 ** math.floor(math.log10(span / number))
    step = next((s * power for s in STEPS if s * power * number >= span), 10 * power)
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return [round(index * step, 10) for index in range(first, last + 1)]


def _thinned(length: int, limit: int) -> np.ndarray:
    """Indices of evenly spaced points, the first and the last among them."""
    return np.unique(np.linspace(0, length - 1, min(length, limit)).round().astype(int))


def _path(xs: np.ndarray, ys: np.ndarray) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    return f"M{points}"


def _text(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
