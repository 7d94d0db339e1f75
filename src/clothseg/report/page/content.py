"""Content of a page of results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from clothseg.report.mean_curves import MeanCurve
from clothseg.report.page.pictures import Shown
from clothseg.report.paper_table import PaperTable


@dataclass(frozen=True)
class Configuration:
    """Configuration with what charts show of it.

    Args:
        name: what distinguishes it from others, as on a command line.
        label: shorter name, the values of its settings; the same as the name if others have them.
        settings: values of the keys in which configurations differ, by key.
        folders: folders of its runs.
        iou: IoU of each class, mean over its runs, float64 [K] from 0 to 1; NaN if undefined.
        matrix: pixel counts pooled over its runs, int64 [K,K]; rows are the ground truth.
        curves: mean curves by key such as `val/mean_iou`.
        told: classes that a test tells from those of the best configuration, int8 [K]: 1 if higher
            than there, -1 if lower, else 0; None without a test.
    """

    name: str
    label: str
    settings: Mapping[str, str]
    folders: Sequence[Path]
    iou: np.ndarray
    matrix: np.ndarray
    curves: Mapping[str, MeanCurve]
    told: np.ndarray | None = None


@dataclass(frozen=True)
class Interval:
    """Number with its interval of 95 %.

    Args:
        value: the number.
        low: lower limit.
        high: upper limit.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Standing:
    """Configuration compared with the best.

    Args:
        score: its test score; None if it has no interval.
        difference: the best minus this one; None if it is the best, or was not tested.
        p: adjusted p-value of the difference; None without one.
        verdict: result in words.
    """

    score: Interval | None
    difference: Interval | None
    p: float | None
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """Comparison of all configurations with the best.

    Args:
        heading: heading of the compared score.
        method: what was tested, in words.
        standings: one for each configuration.
    """

    heading: str
    method: str
    standings: Sequence[Standing]

    @property
    def extent(self) -> tuple[float, float] | None:
        """Lowest and highest limit of the intervals of scores; None if there are none."""
        found = [one.score for one in self.standings if one.score]
        if not found:
            return None
        return min(one.low for one in found), max(one.high for one in found)


@dataclass(frozen=True)
class ImageRow:
    """Test image with its IoU by several configurations.

    Args:
        name: name of the image.
        mean: mean over configurations, percent.
        low: lowest, percent.
        low_by: configuration with the lowest.
        high: highest, percent.
        high_by: configuration with the highest.
    """

    name: str
    mean: float
    low: float
    low_by: str
    high: float
    high_by: str


@dataclass(frozen=True)
class RunTable:
    """Every run with its scores and measurements.

    Args:
        headings: headings of the columns.
        rows: cells of each run, in words.
        configurations: number of the configuration of each run.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    configurations: Sequence[int]


@dataclass(frozen=True)
class Chapter:
    """Configurations of one dataset and label space, which can be compared.

    Args:
        title: dataset and label space.
        classes: class names in id order [K].
        common: settings that all configurations share, by key.
        table: scores of the configurations, best first.
        configurations: the configurations in the order of the table.
        comparison: comparison of the configurations with the best.
        shown: number of configurations, counted from the best, that have charts.
        noun: what repetitions are, `fold` or `seed`.
        runs: all runs.
        class_test: test of the classes, in words; empty without one.
        images: remarkable test images by what is remarkable about them; empty if the configurations
            have none in common.
        recorded: recorded figures as data URIs by what they show.
        pictures: photos with predictions laid over them by what is remarkable about them.
        colors: one `#rrggbb` per class [K].
    """

    title: str
    classes: Sequence[str]
    common: Mapping[str, str]
    table: PaperTable
    configurations: Sequence[Configuration]
    comparison: Comparison
    shown: int
    noun: str
    runs: RunTable
    class_test: str = ""
    images: Mapping[str, Sequence[ImageRow]] = field(default_factory=dict)
    recorded: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, Sequence[Shown]] = field(default_factory=dict)
    colors: Sequence[str] = ()


@dataclass(frozen=True)
class Page:
    """Page of results.

    Args:
        title: title.
        chapters: one for each dataset and label space.
        notes: what was left out and why, and other remarks, one sentence each.
    """

    title: str
    chapters: Sequence[Chapter]
    notes: Sequence[str]
