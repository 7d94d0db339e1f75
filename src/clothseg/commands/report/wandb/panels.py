"""Panels of a workspace and a report at Weights & Biases, built with wandb-workspaces.

Every panel names keys that :mod:`clothseg.logger` logs. Panels over the folds of configurations
show the mean over each group of runs, and its standard deviation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wandb_workspaces.reports import v2 as wr

from clothseg.logger import wandb_keys as keys
from clothseg.metric.names import (
    ACCURACY,
    EPOCH_SCORES,
    MONITORS,
    PRIMARY,
    VALIDATION_LOSS,
    headline,
)

OPTIONS = ("model", "backbone", "loss", "optimizer", "augmentation")
"""Config groups that every parallel-coordinates plot shows."""
GROUP = "Group"
OVER_FOLDS: Mapping[str, Any] = {
    "groupby": GROUP,
    "groupby_aggfunc": "mean",
    "groupby_rangefunc": "stddev",
}
"""Mean of each configuration over its folds, with one standard deviation."""
MAX_GROUPS = 100
"""Most configurations in one panel; the service shows ten unless it is told otherwise."""
WIDTH = 24
"""Columns of the grid of a report."""


@dataclass(frozen=True)
class Content:
    """Content of the runs that are compared.

    Args:
        names: names of their scores, such as `mean_iou`.
        classes: class names in id order.
        monitor: monitored metric, such as `val/mean_iou`; None if the runs differ in it.
        options: config groups in which the runs differ.
        settings: dotted keys of the configuration in which they differ.
        figures: names of the figures in their records.
        examples: the keys of example images.
    """

    names: frozenset[str]
    classes: Sequence[str]
    monitor: str | None
    options: Sequence[str]
    settings: Sequence[str]
    figures: frozenset[str]
    examples: Sequence[str]

    @property
    def scores(self) -> list[str]:
        """Keys of the scores by which runs are summarized, first the one that selects."""
        return [keys.SCORE, *self._tested]

    @property
    def means(self) -> list[str]:
        """The same of configurations: means over folds, each followed by its deviation.

        A deviation of the score that selects is that of the monitored metric; a loss has none.
        """
        known = self.monitor is not None and self.monitor != VALIDATION_LOSS
        selecting = [f"{self.monitor}{keys.DEVIATION}"] if known else []
        return [keys.SCORE, *selecting, *keys.with_deviation(self._tested)]

    @property
    def _tested(self) -> list[str]:
        return [f"test/{score.name}" for score in (*headline(self.names), ACCURACY)]

    @property
    def score_title(self) -> str:
        """Title of the score that selects."""
        score = "monitored score" if self.monitor is None else MONITORS[self.monitor].title
        return f"{score}, validation"

    @property
    def lower_is_better(self) -> bool:
        """True if the score that selects is a loss."""
        return self.monitor is not None and not MONITORS[self.monitor].higher_is_better


def score_panels(content: Content) -> list[Any]:
    """Bars of the test scores, and of the score by which configurations are selected."""
    titles = {f"test/{name}": f"{score.title}, test" for name, score in EPOCH_SCORES.items()}
    titles[keys.SCORE] = content.score_title
    return [_bars(key, titles[key]) for key in content.scores]


def curve_panels(content: Content) -> list[Any]:
    """Validation curves, one line for each configuration, in a band over its folds."""
    shown = dict.fromkeys([content.monitor or f"val/{PRIMARY.name}", f"val/{PRIMARY.name}"])
    titles = {key: f"{MONITORS[key].title}, validation" for key in [*shown, VALIDATION_LOSS]}
    return [
        wr.LinePlot(
            title=title,
            x="Step",
            y=[key],
            title_x="epoch",
            smoothing_type="none",
            max_runs_to_show=MAX_GROUPS,
            **OVER_FOLDS,
        )
        for key, title in titles.items()
    ]


def class_panels(content: Content) -> list[Any]:
    """Bars of the score of each class, and the table of all classes."""
    bars = [
        _bars(keys.class_key("test", PRIMARY.key, name), f"{PRIMARY.heading} of {name}, test")
        for name in content.classes
    ]
    return [*bars, _table(keys.CLASS_TABLE)]


def parallel_panels(content: Content) -> list[Any]:
    """Lines through the options and keys of each run to its monitored score."""
    groups = [*OPTIONS, *(group for group in content.options if group not in OPTIONS)]
    columns = [
        wr.ParallelCoordinatesPlotColumn(wr.Config(keys.choices_key(group)), display_name=group)
        for group in groups
    ]
    columns += [
        wr.ParallelCoordinatesPlotColumn(wr.Config(key), display_name=key)
        for key in content.settings
    ]
    score = wr.ParallelCoordinatesPlotColumn(
        wr.SummaryMetric(keys.SCORE),
        display_name=content.score_title,
        inverted=content.lower_is_better or None,
    )
    title = f"options and {content.score_title}"
    return [wr.ParallelCoordinatesPlot(columns=[*columns, score], title=title, layout=_wide())]


def confusion_panels(content: Content) -> list[Any]:
    """Confusion matrices as charts and, if they were drawn, as pictures."""
    chart = wr.CustomChart(
        query={"summaryTable": {"tableKey": keys.CONFUSION_TABLE}},
        chart_name=keys.CONFUSION_CHART,
        chart_fields={column: column for column in keys.CONFUSION_COLUMNS},
        chart_strings={"title": "pixels of the test set"},
    )
    return [chart, *_pictures(content, "confusion matrices", ["confusion_matrix"])]


def example_panels(content: Content) -> list[Any]:
    """Test images with their masks, as pictures and as a table; empty without any."""
    panels = []
    if content.examples:
        panels = [
            wr.MediaBrowser(title="examples", media_keys=list(content.examples), layout=_wide()),
            _table(keys.EXAMPLE_TABLE),
        ]
    drawn = [name for name in (*keys.EXAMPLES, "people") if name in content.figures]
    return [*panels, *_pictures(content, "example figures", drawn)]


def _bars(key: str, title: str) -> Any:
    return wr.BarPlot(
        title=title,
        metrics=[wr.Metric(key)],
        max_runs_to_show=MAX_GROUPS,
        max_bars_to_show=MAX_GROUPS,
        **OVER_FOLDS,
    )


def _pictures(content: Content, title: str, names: Sequence[str]) -> list[Any]:
    shown = [keys.figure_key(name) for name in names if name in content.figures]
    return [wr.MediaBrowser(title=title, media_keys=shown, layout=_wide())] if shown else []


def _table(key: str) -> Any:
    return wr.WeavePanelSummaryTable(table_name=key, layout=_wide())


def _wide() -> Any:
    return wr.Layout(w=WIDTH, h=10)
