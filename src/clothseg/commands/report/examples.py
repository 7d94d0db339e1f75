"""`target=examples`: the best and the worst test images, or the failures of a class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clothseg.commands.report.configurations import (
    REPORT_SIZE,
    Configuration,
    find_configurations,
    segment,
)
from clothseg.config.settings import Report
from clothseg.config.suggestion import did_you_mean
from clothseg.error import ConfigError, DataError, abbreviate
from clothseg.metric.average import nan_mean
from clothseg.report.picture_grid import NO_BREAK
from clothseg.report.tables import counted
from clothseg.terminal.screen import console

SELECTED = "at the network's input size"
SMALLEST_FRACTION = 0.005
"""Smallest fraction of the pixels of a class that a caption names."""
MAX_CONFUSED = 2
"""Number of classes that a caption names of those for which the pixels of a class were taken."""


def draw(settings: Report) -> None:
    """Draw the figure of a command line.

    Source: inacio2019, Fig. 9, and Fig. 8 for a class.

    Raises:
        ConfigError: there is no such class.
        DataError: there is no tested configuration, there are several, or no test image has the
            class.
    """
    tested = find_configurations(settings)
    if len(tested) > 1:
        names = abbreviate([one.name or "-" for one in tested])
        raise DataError(
            f"runs={settings.runs}: {len(tested)} configurations ({names}); select the folder of "
            "one, such as runs=outputs/<dataset>-<labels>/<model>-<backbone>/<signature>"
        )
    draw_examples(tested[0], settings)


def draw_examples(one: Configuration, settings: Report) -> None:
    """Draw test images of a configuration; raises as :func:`draw`."""
    name, number = settings.class_name, settings.num_images
    if name is None:
        sections, title = (
            best_and_worst(one, number),
            f"Best and worst test images by IoU {SELECTED}",
        )
        class_id, what = None, "IoU: mean over classes"
    else:
        class_id = _class_id(name, one.config.labels.names)
        what = "IoU of this class"
        sections = {"": failures(one, class_id, number)}
        title = f"Test images with the lowest IoU of {name} {SELECTED}"
    if not any(sections.values()):
        raise DataError(f"runs={settings.runs}: no test image with {name or 'a score'}")
    _draw(one, sections, class_id, settings, f"{title}; {what} at the original size")
    count, runs = sum(map(len, sections.values())), {i.run.folder for i in one.images.values()}
    total = counted(len(one.images), "test image")
    console.print(f"{count} of {total} of {counted(len(runs), 'run')}")


def best_and_worst(tested: Configuration, number: int) -> dict[str, list[str]]:
    """Select the test images with the highest and with the lowest mean IoU; none is in both.

    Args:
        tested: the configuration.
        number: maximum number of images of each kind.
    """
    scores = {name: image.mean_iou for name, image in tested.images.items()}
    ranked = sorted((n for n in scores if not np.isnan(scores[n])), key=lambda n: -scores[n])
    worst = ranked[number:][-number:]
    return {"highest IoU": ranked[:number], "lowest IoU": worst[::-1]}


def failures(tested: Configuration, class_id: int, number: int) -> list[str]:
    """Select the test images of a class with its lowest IoU, the lowest first.

    Args:
        tested: the configuration.
        class_id: the class, which occurs in the ground truth of these images.
        number: maximum number of images.
    """
    scores = {
        name: float(image.iou[class_id])
        for name, image in tested.images.items()
        if image.counts[[0, 2], class_id].any()
    }
    return sorted(scores, key=scores.__getitem__)[:number]


def confusions(row: np.ndarray, class_id: int, names: Sequence[str]) -> str:
    """Describe for which classes the pixels of a class were taken.

    Args:
        row: predicted classes of its pixels, int64 [K].
        class_id: the class.
        names: class names [K].
    """
    others = [int(k) for k in np.argsort(-row, kind="stable") if k != class_id and row[k] > 0]
    fractions = row / max(1, row.sum())
    large = [k for k in others[:MAX_CONFUSED] if fractions[k] >= SMALLEST_FRACTION]
    taken = [f"{names[k]} {100 * fractions[k]:.0f}{NO_BREAK}%" for k in large]
    return f"taken for {', '.join(taken)}" if taken else ""


def _draw(
    tested: Configuration,
    sections: dict[str, list[str]],
    class_id: int | None,
    settings: Report,
    title: str,
) -> None:
    """Draw sections of images, with the scores of a class or of all."""
    from clothseg.report.predictions import Example, Prediction, draw_predictions

    labels = tested.config.labels
    names = [name for section in sections.values() for name in section]
    headings = {section[0]: heading for heading, section in sections.items() if section}
    examples = []
    for one in segment([tested], names, settings.root):
        if class_id is None:
            iou, note = nan_mean(one.iou(0)), ""
        else:
            iou = one.iou(0)[class_id]
            note = confusions(one.matrix(0)[class_id], class_id, labels.names)
        prediction = Prediction(one.masks[0], float(iou), note)
        heading = headings.get(one.name, "")
        examples.append(Example(one.name, one.image, one.ground_truth, [prediction], heading))
    draw_predictions(
        examples,
        labels.names,
        labels.palette,
        Path(settings.output),
        title,
        **REPORT_SIZE,
    )


def _class_id(name: str, names: Sequence[str]) -> int:
    if name not in names:
        raise ConfigError([f"class_name={name}: no class of the runs; {did_you_mean(name, names)}"])
    return names.index(name)
