"""Figure of scores of several configurations as bars, one panel per score."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from clothseg.error import shortened
from clothseg.metric.names import EPOCH_SCORES
from clothseg.report.canvas import (
    BLUE,
    MAX_NAME,
    TITLE,
    fit_title,
    report_style,
    save_figure,
    text_width,
)


@report_style
def draw_bars(
    summaries: Sequence[Sequence[Mapping[str, float | None]]],
    names: Sequence[str],
    scores: Sequence[str],
    path: Path,
    title: str,
) -> None:
    """Draw one bar per configuration, with its standard deviation over folds.

    Args:
        summaries: `mean` and `std` of each score, fractions from 0 to 1, of each configuration.
        names: names of the configurations.
        scores: names of the scores, such as `mean_iou`.
        path: the PNG to write.
        title: title of the figure.
    """
    labels = [shortened(name, MAX_NAME) for name in names]
    longest = max(text_width(label, 8) for label in labels)
    figure = Figure((longest + 3.2 * len(scores), 0.3 * len(names) + 1.2), layout="constrained")
    panels = figure.subplots(1, len(scores), sharey=True, squeeze=False)[0]
    for number, (axes, score) in enumerate(zip(panels, scores, strict=True)):
        for row, own in enumerate(summaries):
            mean, std = own[number]["mean"], own[number]["std"]
            if mean is None:
                axes.text(1, row, "undefined", va="center", fontstyle="italic", fontsize=7)
                continue
            deviation = 100 * std if std else None
            axes.barh(row, 100 * mean, xerr=deviation, height=0.7, color=BLUE, capsize=2)
            spread = f" ± {100 * std:.1f}" if std else ""
            position = 100 * (mean + (std or 0)) + 1.5
            axes.text(position, row, f"{100 * mean:.1f}{spread}", va="center", fontsize=7)
        axes.set(xlim=(0, 125), xlabel=f"{EPOCH_SCORES[score].title} in percent")
        axes.set_xticks(range(0, 101, 20))
        axes.set_yticks(range(len(names)), labels)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.set_axisbelow(True)
    figure.suptitle(fit_title(title, figure.get_figwidth()), **TITLE)
    save_figure(figure, path)
