"""Scores of an evaluation against five metrics of torchmetrics, and their share of a step."""

import time
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
    MulticlassJaccardIndex,
    MulticlassPrecision,
)

from clothseg import build
from clothseg.benchmark.comparison import (
    Comparison,
    Contestant,
    Goal,
    batch_conditions,
    in_turns,
    limited_threads,
    seconds,
    training_config,
)
from clothseg.cache import Cache
from clothseg.config.schema import Benchmark
from clothseg.labels import IGNORE
from clothseg.metric.connected import connected_scores
from clothseg.metric.segmentation import Scores, SegmentationScores

IMAGE_SIZE = 320
"""Height and width that most of the papers train with, pixels."""
REPETITIONS = 12
SHIFT = 8
"""Pixels by which a prediction is beside the truth, so that it is wrong along every edge."""
CHOICES = ["model=fpn", "backbone=efficientnet-b3", "labels=refined15"]


def compare(settings: Benchmark) -> list[Comparison]:
    """Seconds of whole evaluations and of IoU+, and milliseconds within an evaluation step."""
    return [
        _against_torchmetrics(settings),
        _against_labelling(settings),
        share_of_step(settings, torch.device("cpu")),
    ]


def share_of_step(settings: Benchmark, device: torch.device) -> Comparison:
    """The metric's update against the evaluation step that it is a part of.

    A step is what the task does with a batch on the device: the network, argmax and the update.
    """
    size = settings.image_size or IMAGE_SIZE
    config = training_config(settings, size, CHOICES)
    cache = build.build_cache(config, build.build_dataset(config))
    task = build.build_task(config).to(device).eval()
    photos = torch.from_numpy(np.array(cache.images[: settings.batch_size])).to(device)
    target = _masks(cache, 0, settings.batch_size).to(device)
    index = torch.arange(len(target), device=device)
    whole: list[float] = []

    @torch.no_grad()
    def step() -> float:
        scores = SegmentationScores(len(task.names)).to(device)
        start = _now(device)
        prediction = task.network(task.normalized(photos))["logits"].argmax(1)
        scored = _now(device)
        scores.update(prediction, target, index)
        end = _now(device)
        whole.append(1000 * (end - start))
        return 1000 * (end - scored)

    with limited_threads(settings.threads):
        (update,) = in_turns([step], settings.repetitions or REPETITIONS)
    return Comparison(
        title=f"scores as a share of an evaluation step on the {_short_name(device)}",
        unit="ms/step",
        conditions=batch_conditions(settings, size),
        clothseg=Contestant("SegmentationScores.update", update),
        rival=Contestant("FPN + efficientnet-b3, argmax and that update", whole[-len(update) :]),
        goal=Goal("<=", 0.03),
    )


def torchmetrics_scores(classes: int) -> MetricCollection:
    """The rival, as one writes it by hand: a plain collection, every class's own score.

    A collection's own defaults hold: ids are checked, and after the first batch metrics that count
    the same share what they count.
    """
    every_class: dict[str, Any] = {"num_classes": classes, "average": None, "ignore_index": IGNORE}
    return MetricCollection(
        [
            MulticlassConfusionMatrix(classes, ignore_index=IGNORE),
            MulticlassJaccardIndex(**every_class),
            MulticlassF1Score(**every_class),
            MulticlassPrecision(**every_class),
            MulticlassAccuracy(**every_class),
        ]
    )


Batches = list[tuple[Tensor, Tensor, Tensor]]


def our_evaluation(classes: int, batches: Batches) -> Scores:
    """Score some batches as a run does, up to the scores of each class."""
    metric = SegmentationScores(classes)
    for prediction, target, index in batches:
        metric.update(prediction, target, index)
    scores = metric.compute()
    assert len(scores.classes.iou) == classes
    return scores


def their_evaluation(classes: int, batches: Batches) -> dict[str, Tensor]:
    """Score the same batches with five metrics of torchmetrics."""
    metrics = torchmetrics_scores(classes)
    for prediction, target, _ in batches:
        metrics.update(prediction, target)
    return metrics.compute()


def shifted_batches(cache: Cache, settings: Benchmark) -> Batches:
    """Batches of predictions, truths [B,H,W] and indices [B], int64; photos come round again."""
    batches = []
    for number in range(settings.batches):
        target = _masks(cache, number * settings.batch_size, settings.batch_size)
        prediction = target.masked_fill(target == IGNORE, 0).roll((SHIFT, SHIFT), (1, 2))
        index = torch.arange(len(target)) + number * settings.batch_size
        batches.append((prediction, target, index))
    return batches


def _against_torchmetrics(settings: Benchmark) -> Comparison:
    size = settings.image_size or IMAGE_SIZE
    config = training_config(settings, size, CHOICES)
    cache = build.build_cache(config, build.build_dataset(config))
    classes = len(build.build_labels(config))
    batches = shifted_batches(cache, settings)
    evaluations = (our_evaluation, their_evaluation)
    with limited_threads(settings.threads):
        sides = [partial(seconds, partial(each, classes, batches)) for each in evaluations]
        ours, theirs = in_turns(sides, settings.repetitions or REPETITIONS)
    count = f"evaluation of {settings.batches} batches"
    return Comparison(
        title="evaluation against five metrics of torchmetrics",
        unit="s",
        conditions=f"{batch_conditions(settings, size)}, {classes} classes",
        clothseg=Contestant(f"{count}: SegmentationScores, which also keeps each photo's", ours),
        rival=Contestant(
            f"{count}: MetricCollection of ConfusionMatrix, JaccardIndex, F1Score, Precision and "
            "Accuracy with average=None, otherwise as they come",
            theirs,
        ),
        goal=Goal(">=", 20),
        times_less=True,
    )


def our_components(classes: int, batches: Batches) -> None:
    """IoU+ of every photo and class."""
    for prediction, target, _ in batches:
        for pair in zip(prediction.byte().numpy(), target.byte().numpy(), strict=True):
            connected_scores(*pair, classes)


def their_components(classes: int, batches: Batches) -> None:
    """Only the first step of it, as one writes it by hand: components of one class at a time."""
    touching = np.ones((3, 3), int)
    for prediction, target, _ in batches:
        for masks in (prediction.byte().numpy(), target.byte().numpy()):
            for mask in masks:
                for number in range(classes):
                    ndimage.label(mask == number, touching)


def _against_labelling(settings: Benchmark) -> Comparison:
    size = settings.image_size or IMAGE_SIZE
    config = training_config(settings, size, CHOICES)
    cache = build.build_cache(config, build.build_dataset(config))
    classes = len(build.build_labels(config))
    batches = shifted_batches(cache, settings)
    with limited_threads(settings.threads):
        sides = [
            partial(seconds, partial(each, classes, batches))
            for each in (our_components, their_components)
        ]
        ours, theirs = in_turns(sides, settings.repetitions or REPETITIONS)
    return Comparison(
        title="IoU+ against scipy.ndimage.label for each class and photo",
        unit="s",
        conditions=f"{batch_conditions(settings, size)}, {classes} classes",
        clothseg=Contestant(f"connected_scores of {settings.batches} batches", ours),
        rival=Contestant("the calls of label alone, of predictions and truths", theirs),
        goal=Goal(">=", 3),
        times_less=True,
    )


def _masks(cache: Cache, first: int, count: int) -> Tensor:
    """Masks int64 [B,H,W] of photos in a row, beginning again after the last."""
    places = np.arange(first, first + count) % len(cache.names)
    return torch.from_numpy(np.array(cache.masks[places])).long()


def _now(device: torch.device) -> float:
    """The time at which the device has done everything that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _short_name(device: torch.device) -> str:
    return "GPU" if device.type == "cuda" else "CPU"
