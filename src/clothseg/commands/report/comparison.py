"""`target=comparison`: the same test images as segmented by several configurations."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clothseg.commands.report.configurations import (
    REPORT_SIZE,
    Configuration,
    find_configurations,
    require_images,
    segment,
)
from clothseg.config.settings import Report
from clothseg.error import DataError
from clothseg.metric.average import nan_mean
from clothseg.report.tables import counted
from clothseg.terminal.screen import console

MAX_COLUMNS = 12
"""Configurations that fit into one figure."""


def draw(settings: Report) -> None:
    """Draw the figure of a command line.

    Source: dang2020, Figs. 4 and 5.

    Raises:
        ConfigError: an image is not a test image of every configuration.
        DataError: there is no tested configuration, there are too many, or they have no test image
            in common.
    """
    draw_comparison(find_configurations(settings), settings)


def draw_comparison(tested: Sequence[Configuration], settings: Report) -> None:
    """Draw configurations beside each other, under their names; raises as :func:`draw`."""
    if len(tested) > MAX_COLUMNS:
        raise DataError(
            f"runs={settings.runs}: {len(tested)} configurations are too many for one figure, the "
            f"limit is {MAX_COLUMNS}; select a folder with fewer"
        )
    require_images(tested, settings.images)
    names = settings.images or spread_images(tested, settings.num_images)
    if not names:
        raise DataError(f"runs={settings.runs}: the configurations have no test image in common")
    segmented = segment(tested, names, settings.root)
    from clothseg.report.predictions import Example, Prediction, draw_predictions

    examples = []
    for one in segmented:
        scores = [float(nan_mean(one.iou(index))) for index in range(len(tested))]
        predictions = list(map(Prediction, one.masks, scores))
        examples.append(Example(one.name, one.image, one.ground_truth, predictions))
    labels = tested[0].config.labels
    selection = "" if settings.images else ", from high to low IoU at the network's input size"
    draw_predictions(
        examples,
        labels.names,
        labels.palette,
        Path(settings.output),
        f"Test images{selection}; IoU: mean over classes at the original size",
        [one.name or "prediction" for one in tested],
        **REPORT_SIZE,
    )
    shown = counted(len(names), "image"), counted(len(tested), "configuration")
    console.print(f"{', '.join(shown)} in {settings.runs}")


def spread_images(tested: Sequence[Configuration], number: int) -> list[str]:
    """Select common test images, evenly spaced by rank from the highest to the lowest IoU.

    The rank is that of the IoU averaged over classes and configurations, at the size of the
    network's input.

    Args:
        tested: the configurations.
        number: maximum number of images.
    """
    common = [name for name in tested[0].images if all(name in one.images for one in tested)]
    scores = {name: np.mean([one.images[name].mean_iou for one in tested]) for name in common}
    ranked = sorted((n for n in common if not np.isnan(scores[n])), key=lambda n: -scores[n])
    number = min(number, len(ranked))
    return [ranked[i] for i in np.linspace(0, len(ranked) - 1, number).round().astype(int)]
