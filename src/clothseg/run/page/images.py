"""Test images on which configurations score highest or lowest, or disagree most."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path

import numpy as np

from clothseg.error import DataError, abbreviate
from clothseg.metric.average import nan_mean
from clothseg.metric.class_scores import image_iou
from clothseg.report.page.content import ImageRow
from clothseg.report.tables import counted
from clothseg.run.comparison.scored import Read
from clothseg.run.finished import FinishedRun
from clothseg.run.tables import ImageTable, read_image_scores

NUM_IMAGES = 8
"""Number of images of each kind."""

HIGHEST, LOWEST, DISAGREEING = "Highest IoU", "Lowest IoU", "Most disagreement"


class ImageMeans:
    """Mean IoU of test images, kept from the only time that the scores of a run are read."""

    def __init__(self, source: Read = read_image_scores) -> None:
        self._source = source
        self._means: dict[Path, Mapping[str, float]] = {}

    def read(self, folder: Path) -> ImageTable:
        """Read the scores of each test image of a run, and keep the means; raises DataError."""
        table = self._source(folder)
        means = 100 * nan_mean(image_iou(table.counts), 1)
        self._means[folder] = dict(zip(table.names.tolist(), means.tolist(), strict=True))
        return table

    def of(self, folder: Path) -> Mapping[str, float]:
        """Mean over the classes of each test image of a run, percent; raises DataError."""
        if folder not in self._means:
            self.read(folder)
        return self._means[folder]


def remarkable_images(
    runs: Mapping[str, Sequence[FinishedRun]],
    means: ImageMeans,
    note: Callable[[str], None],
    number: int = NUM_IMAGES,
) -> dict[str, list[ImageRow]]:
    """Find remarkable test images of all configurations from the scores in their records.

    Args:
        runs: runs of each configuration by its name; repeated tests of an image are averaged.
        means: means of test images.
        note: takes the reason why there are none, or why a run is left out.
        number: maximum number of images of each kind.

    Returns:
        Images by what is remarkable about them; empty if there are none.
    """
    lost: list[str] = []
    scores = {name: _image_scores(group, means, lost.append) for name, group in runs.items()}
    if lost:
        note(f"Test images of {counted(len(lost), 'run')} are left out: {abbreviate(lost)}")
    scores = {name: images for name, images in scores.items() if images}
    if not scores:
        return {}
    common = reduce(lambda one, other: one & other, (set(images) for images in scores.values()))
    if not common:
        note("The configurations were tested on different images, so that none can be compared.")
        return {}
    rows = [_row(image, scores) for image in sorted(common)]
    by_mean = sorted(rows, key=lambda row: -row.mean)
    found = {HIGHEST: by_mean[:number], LOWEST: by_mean[number:][-number:][::-1]}
    if len(scores) > 1:
        found[DISAGREEING] = sorted(rows, key=lambda row: row.low - row.high)[:number]
    return {kind: images for kind, images in found.items() if images}


def _row(image: str, scores: Mapping[str, Mapping[str, float]]) -> ImageRow:
    values = {name: images[image] for name, images in scores.items()}
    low, high = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
    mean = float(np.mean(list(values.values())))
    return ImageRow(image, mean, values[low], low, values[high], high)


def _image_scores(
    runs: Sequence[FinishedRun], means: ImageMeans, lost: Callable[[str], None]
) -> dict[str, float]:
    """Mean IoU over the classes of each test image, percent; undefined ones are left out."""
    found: dict[str, list[float]] = {}
    for run in runs:
        try:
            scores = means.of(run.folder)
        except DataError as error:
            lost(str(error))
            continue
        for name, mean in scores.items():
            found.setdefault(name, []).append(mean)
    defined = {name: [one for one in values if one == one] for name, values in found.items()}
    return {name: float(np.mean(values)) for name, values in defined.items() if values}
