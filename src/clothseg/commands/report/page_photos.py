"""Photos of a page of results, with predictions laid over them."""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from clothseg.commands.report.configurations import (
    Configuration,
    Segmented,
    find_configurations,
    segment,
)
from clothseg.config.settings import Report
from clothseg.error import DataError
from clothseg.metric.average import nan_mean
from clothseg.report.page.content import Chapter
from clothseg.report.page.pictures import Shown, show

MAX_CONFIGURATIONS = 5
"""Number of configurations, counted from the best, whose predictions are shown."""


def photos(settings: Report, chapter: Chapter) -> dict[str, list[Shown]]:
    """Segment the most remarkable test images with the best configurations.

    Args:
        settings: folder of the runs, number of photos of each kind, and where the dataset is.
        chapter: what the page shows of these runs.

    Raises:
        ConfigError: a run uses packages that are not trusted, or `root` does not fit it.
        DataError: there is no such image, or the dataset or a checkpoint is missing or damaged.
    """
    tested, labels = _best(find_configurations(settings), chapter)
    wanted = {
        kind: [row.name for row in rows if all(row.name in one.images for one in tested)]
        for kind, rows in chapter.images.items()
    }
    wanted = {kind: names[: settings.num_photos] for kind, names in wanted.items()}
    names = list(dict.fromkeys(chain(*wanted.values())))
    if not names:
        raise DataError("the configurations have no test image in common")
    palette = tested[0].config.labels.palette
    found = {one.name: one for one in segment(tested, names, settings.root)}
    shown = {
        name: show(name, one.image, _masks(one, labels), palette) for name, one in found.items()
    }
    return {kind: [shown[name] for name in names] for kind, names in wanted.items() if names}


def _best(
    tested: Sequence[Configuration], chapter: Chapter
) -> tuple[list[Configuration], list[str]]:
    """Select the best configurations, each with one seed, and their labels."""
    ranks = {
        folder: rank for rank, one in enumerate(chapter.configurations) for folder in one.folders
    }
    found: dict[int, Configuration] = {}
    for one in tested:
        folder = next(iter(one.images.values())).run.folder
        if folder in ranks:
            found.setdefault(ranks[folder], one)
    best = sorted(found)[:MAX_CONFIGURATIONS]
    return [found[rank] for rank in best], [chapter.configurations[rank].label for rank in best]


def _masks(one: Segmented, labels: Sequence[str]) -> list[tuple[str, np.ndarray, float | None]]:
    """Heading, mask and IoU of the ground truth and of each prediction."""
    predictions = [
        (label, one.masks[index], float(nan_mean(one.iou(index))))
        for index, label in enumerate(labels)
    ]
    return [("ground truth", one.ground_truth, None), *predictions]
