"""Files with the test scores of a run: tables, matrices, and figures with examples."""

from collections.abc import Mapping, Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np

from clothseg.cache import Cache, Pictures
from clothseg.files import write_array
from clothseg.labels import LabelSpace
from clothseg.metric.names import PARTS
from clothseg.metric.scorecard import scorecard
from clothseg.metric.segmentation import Scores
from clothseg.report.figures import draw_learning_curves
from clothseg.report.people import PeoplePicture, ShownPeople, draw_people
from clothseg.report.predictions import Example, Prediction, draw_predictions
from clothseg.report.results import NUM_EXAMPLES, draw_scores, write_per_class
from clothseg.run.job import Job
from clothseg.run.tables import write_image_scores
from clothseg.task.parser import Parser
from clothseg.task.training import Training

NUM_PEOPLE_EXAMPLES = 3
"""Number of test images in the figure of people."""


def write_scores(
    job: Job,
    cache: Cache | Pictures,
    task: Training,
    scores: Scores,
    rows: Sequence[Mapping[str, float]],
    best_epoch: int,
) -> dict[str, list[Example]]:
    """Write :data:`clothseg.run.content.DERIVED`, which follow from test scores and history.

    Args:
        job: the run.
        cache: its images.
        task: the network of the best epoch.
        scores: scores of the test part.
        rows: the history.
        best_epoch: the epoch whose network was tested.

    Returns:
        The drawn examples by the name of their figure; empty without figures.
    """
    folder = job.folder
    card = scorecard(scores, task.names, cache.sources)
    write_per_class(card, folder / "per_class.csv")
    write_array(folder / "confusion_matrix.npy", scores.matrix)
    write_image_scores(scores, cache.names, folder)
    if job.config.report.figures != "all":
        return {}
    draw_scores([card], folder, job.title)
    draw_learning_curves(rows, folder / "figures" / "learning_curves.png", best_epoch)
    return draw_examples(cache, job.config.labels, task, scores, folder)


def draw_examples(
    cache: Cache | Pictures, labels: LabelSpace, task: Training, scores: Scores, folder: Path
) -> dict[str, list[Example]]:
    """Draw the test images with the highest and the lowest mean IoU, and return them.

    People, if the network finds them, have a figure with those of the first images.

    Source: inacio2019, Fig. 9; loesch2021, Fig. 1.
    """
    # The IoU of an image averages over its own classes, so one valid pixel suffices.
    rows = np.ma.masked_invalid(scores.image_iou).mean(1).filled(np.nan)
    order = np.argsort(-rows, kind="stable")
    order = order[~np.isnan(rows[order])]
    drawn = {}
    for kind, rank in (("best", order[:NUM_EXAMPLES]), ("worst", order[::-1][:NUM_EXAMPLES])):
        examples = [example(cache, int(scores.index[i]), float(rows[i]), task) for i in rank]
        title = f"Test images with the {'highest' if kind == 'best' else 'lowest'} mean IoU"
        draw_predictions(
            examples, labels.names, labels.palette, folder / "figures" / f"{kind}.png", title
        )
        drawn[kind] = examples
    people = [one.people for one in drawn["best"][:NUM_PEOPLE_EXAMPLES] if one.people]
    if people and isinstance(task, Parser):
        title = "Test images with the highest mean IoU: people, parts and characteristics"
        path = folder / "figures" / "people.png"
        draw_people(people, task.values, {PARTS: labels.colors}, path, title)
    return drawn


@singledispatch
def example(cache: Any, index: int, iou: float, task: Any) -> Example:
    """Create the example of a test image, without padding.

    Args:
        cache: the images.
        index: index of the image in them.
        iou: IoU of the prediction.
        task: the network.
    """
    raise TypeError(f"{type(cache).__name__} has no images")


@example.register
def _(cache: Cache, index: int, iou: float, task: Any) -> Example:
    image, visible = np.array(cache.image(index)), cache.placement(index).target.slices
    return Example(
        name=cache.names[index],
        image=image[visible],
        ground_truth=np.array(cache.mask(index)[visible]),
        predictions=[Prediction(task.predict(image[None])[0][visible], iou)],
    )


@example.register
def _(cache: Pictures, index: int, iou: float, task: Any) -> Example:
    name, image = cache.names[index], np.array(cache.images.image(index))
    parts, person, *characteristics = np.array(cache.images.maps(index))
    found = task.predict(image, image.shape[:2]).shown()
    prediction = ShownPeople(found.person, found.maps, found.scores)
    truth = ShownPeople(person, dict(zip(task.values, [parts, *characteristics], strict=True)))
    return Example(
        name=name,
        image=image,
        ground_truth=parts,
        predictions=[Prediction(found.maps[PARTS], iou)],
        people=PeoplePicture(name, image, prediction, truth),
    )
