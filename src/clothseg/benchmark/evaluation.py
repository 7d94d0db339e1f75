"""Metrics of an evaluation against five torchmetrics metrics, and their fraction of a step."""

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
    Goal,
    Side,
    batch_conditions,
    elapsed_seconds,
    limit_threads,
    measure_alternately,
    training_config,
)
from clothseg.cache import Cache
from clothseg.config.settings import Benchmark
from clothseg.labels import IGNORE
from clothseg.metric.connected import connected_scores
from clothseg.metric.segmentation import Scores, SegmentationScores

IMAGE_SIZE = 320
"""Height and width in most of the papers, pixels."""
REPETITIONS = 12
SHIFT = 8
"""Offset of a prediction from the ground truth in pixels, for errors along every edge."""
CHOICES = ["model=fpn", "backbone=efficientnet-b3", "labels=refined15"]


def compare(settings: Benchmark) -> list[Comparison]:
    """Compare full evaluations and IoU+ in seconds, and the metric update within a step in ms."""
    return [
        _against_torchmetrics(settings),
        _against_component_labeling(settings),
        metric_fraction_of_step(settings, torch.device("cpu")),
    ]


def metric_fraction_of_step(settings: Benchmark, device: torch.device) -> Comparison:
    """Compare the metric update with the evaluation step that contains it.

    A step processes one batch on the device: network, argmax and metric update.
    """
    size = settings.image_size or IMAGE_SIZE
    config = training_config(settings, size, CHOICES)
    cache = build.build_cache(config, build.build_dataset(config))
    segmenter = build.build_segmenter(config).to(device).eval()
    images = torch.from_numpy(np.array(cache.images[: settings.batch_size])).to(device)
    target = _masks(cache, 0, settings.batch_size).to(device)
    index = torch.arange(len(target), device=device)
    step_times: list[float] = []

    @torch.no_grad()
    def step() -> float:
        scores = SegmentationScores(len(segmenter.names)).to(device)
        start = _synchronized_time(device)
        prediction = segmenter.network(segmenter.normalized(images))["logits"].argmax(1)
        predicted = _synchronized_time(device)
        scores.update(prediction, target, index)
        end = _synchronized_time(device)
        step_times.append(1000 * (end - start))
        return 1000 * (end - predicted)

    with limit_threads(settings.threads):
        (update,) = measure_alternately([step], settings.repetitions or REPETITIONS)
    return Comparison(
        title=f"metrics as a fraction of an evaluation step on the {_short_name(device)}",
        unit="ms/step",
        conditions=batch_conditions(settings, size),
        clothseg=Side("SegmentationScores.update", update),
        rival=Side("FPN + efficientnet-b3, argmax and the same update", step_times[-len(update) :]),
        goal=Goal("<=", 0.03),
    )


def torchmetrics_scores(classes: int) -> MetricCollection:
    """Hand-written baseline: a plain collection with per-class scores.

    It uses the defaults of a collection: ids are validated, and after the first batch metrics with
    equal states share one state.
    """
    per_class: dict[str, Any] = {"num_classes": classes, "average": None, "ignore_index": IGNORE}
    return MetricCollection(
        [
            MulticlassConfusionMatrix(classes, ignore_index=IGNORE),
            MulticlassJaccardIndex(**per_class),
            MulticlassF1Score(**per_class),
            MulticlassPrecision(**per_class),
            MulticlassAccuracy(**per_class),
        ]
    )


Batches = list[tuple[Tensor, Tensor, Tensor]]


def our_evaluation(classes: int, batches: Batches) -> Scores:
    """Score batches like a run, up to the per-class scores."""
    metric = SegmentationScores(classes)
    for prediction, target, index in batches:
        metric.update(prediction, target, index)
    scores = metric.compute()
    assert len(scores.classes.iou) == classes
    return scores


def their_evaluation(classes: int, batches: Batches) -> dict[str, Tensor]:
    """Score the same batches with five torchmetrics metrics."""
    metrics = torchmetrics_scores(classes)
    for prediction, target, _ in batches:
        metrics.update(prediction, target)
    return metrics.compute()


def shifted_batches(cache: Cache, settings: Benchmark) -> Batches:
    """Batches of predictions, targets [B,H,W] and indices [B], int64; images repeat cyclically."""
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
    classes = len(config.labels)
    batches = shifted_batches(cache, settings)
    evaluations = (our_evaluation, their_evaluation)
    with limit_threads(settings.threads):
        sides = [
            partial(elapsed_seconds, partial(evaluate, classes, batches))
            for evaluate in evaluations
        ]
        ours, theirs = measure_alternately(sides, settings.repetitions or REPETITIONS)
    count = f"evaluation of {settings.batches} batches"
    return Comparison(
        title="evaluation against five torchmetrics metrics",
        unit="s",
        conditions=f"{batch_conditions(settings, size)}, {classes} classes",
        clothseg=Side(f"{count}: SegmentationScores, including per-image scores", ours),
        rival=Side(
            f"{count}: MetricCollection of ConfusionMatrix, JaccardIndex, F1Score, Precision and "
            "Accuracy with average=None, otherwise at their defaults",
            theirs,
        ),
        goal=Goal(">=", 20),
        is_speedup=True,
    )


def our_components(classes: int, batches: Batches) -> None:
    """Compute IoU+ of every image and class."""
    for prediction, target, _ in batches:
        for pair in zip(prediction.byte().numpy(), target.byte().numpy(), strict=True):
            connected_scores(*pair, classes)


def their_components(classes: int, batches: Batches) -> None:
    """Hand-written baseline, first step of IoU+ only: label the components class by class."""
    connectivity = np.ones((3, 3), int)
    for prediction, target, _ in batches:
        for masks in (prediction.byte().numpy(), target.byte().numpy()):
            for mask in masks:
                for number in range(classes):
                    ndimage.label(mask == number, connectivity)


def _against_component_labeling(settings: Benchmark) -> Comparison:
    size = settings.image_size or IMAGE_SIZE
    config = training_config(settings, size, CHOICES)
    cache = build.build_cache(config, build.build_dataset(config))
    classes = len(config.labels)
    batches = shifted_batches(cache, settings)
    with limit_threads(settings.threads):
        sides = [
            partial(elapsed_seconds, partial(find_components, classes, batches))
            for find_components in (our_components, their_components)
        ]
        ours, theirs = measure_alternately(sides, settings.repetitions or REPETITIONS)
    return Comparison(
        title="IoU+ against scipy.ndimage.label per class and image",
        unit="s",
        conditions=f"{batch_conditions(settings, size)}, {classes} classes",
        clothseg=Side(f"connected_scores of {settings.batches} batches", ours),
        rival=Side("only the calls of label, on predictions and ground truth", theirs),
        goal=Goal(">=", 3),
        is_speedup=True,
    )


def _masks(cache: Cache, first: int, count: int) -> Tensor:
    """Masks int64 [B,H,W] of consecutive images, cyclically."""
    indices = np.arange(first, first + count) % len(cache.names)
    return torch.from_numpy(np.array(cache.masks[indices])).long()


def _synchronized_time(device: torch.device) -> float:
    """Wait for all work queued on the device and return the time."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _short_name(device: torch.device) -> str:
    return "GPU" if device.type == "cuda" else "CPU"
