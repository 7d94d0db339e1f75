"""Rendering of a page of results, and what its templates calculate with."""

import math
from functools import cache

from jinja2 import Environment

from clothseg.report.page.charts import MAX_TOGETHER, Chart, chart
from clothseg.report.page.content import Chapter, Page
from clothseg.report.page.environment import TEMPLATES, page_environment
from clothseg.report.page.matrices import (
    LONGEST_NAME,
    cell_size,
    label_room,
    largest_confusions,
    matrix_picture,
    numbered_cells,
)

SHADES = 20
"""Number of shades of a heat map."""


def render(page: Page) -> str:
    """Render a page as HTML that loads nothing and asks no network."""
    return _environment().get_template("results.html.jinja").render(page=page)


@cache
def _environment() -> Environment:
    environment = page_environment(TEMPLATES, "page.css", "page.js")
    environment.globals |= {
        "charts": _charts,
        "max_together": MAX_TOGETHER,
        "best_of_classes": _best_of_classes,
        "cell_size": cell_size,
        "label_room": label_room,
        "longest_name": LONGEST_NAME,
        "matrix_picture": matrix_picture,
        "numbered_cells": numbered_cells,
        "largest_confusions": largest_confusions,
        "shades": SHADES,
    }
    environment.filters |= {"shade": _shade, "percent": _percent, "tenths": _tenths}
    return environment


def _charts(chapter: Chapter) -> list[Chart]:
    shown = chapter.configurations[: chapter.shown]
    keys = dict.fromkeys(key for one in shown for key in one.curves)
    found = [chart([one.curves.get(key) for one in shown], key) for key in keys]
    return [one for one in found if one is not None]


def _best_of_classes(chapter: Chapter) -> list[str | None]:
    """Highest percentage of each class as it is shown; None if all configurations have the same."""
    columns = zip(*(one.iou for one in chapter.configurations[: chapter.shown]), strict=True)
    shown = [[_percent(value) for value in column if not math.isnan(value)] for column in columns]
    return [max(texts, key=int) if len({*texts}) > 1 else None for texts in shown]


def _shade(value: float) -> int:
    return round(SHADES * value)


def _tenths(value: float) -> str:
    return f"{value:z.1f}"  # without a negative zero


def _percent(value: float) -> str:
    return "" if math.isnan(value) else f"{100 * value:.0f}"
