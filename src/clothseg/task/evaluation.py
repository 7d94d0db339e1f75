"""Evaluation of a network, in one process or in several that share the images."""

import contextlib
from collections.abc import Iterator
from functools import singledispatch
from typing import Any, Protocol

import torch
from torch import distributed

from clothseg.datamodule.batches import Batches
from clothseg.geometry import Fit, Frame
from clothseg.metric.names import COSTLY
from clothseg.metric.parsing.result import ParsingMetric
from clothseg.metric.segmentation import Scores, SegmentationScores
from clothseg.task.finite import OUTPUT, FiniteCheck
from clothseg.task.image_network import Batch, ImageNetwork
from clothseg.task.parser import Parser
from clothseg.task.pictures import add_scores, tensors
from clothseg.task.segmenter import Segmenter


class Comparison(Protocol):
    """Comparison of a network's output with the ground truth."""

    def add(self, batch: Batch, check_finite: FiniteCheck) -> None:
        """Add a prepared batch."""

    def compute(self) -> Scores:
        """Compute the scores over the images of all processes."""


class SemanticComparison:
    """Comparison of the class of every pixel.

    Args:
        segmenter: the network.
        fit: rule by which the images are fitted into the network's input.
        device: the device of this process.
    """

    def __init__(self, segmenter: Segmenter, fit: Fit, device: torch.device) -> None:
        self.segmenter, self.fit = segmenter, fit
        self.scores = SegmentationScores(len(segmenter.names), COSTLY).to(device)

    def add(self, batch: Batch, check_finite: FiniteCheck) -> None:
        """Add a prepared batch."""
        logits, mask = self.segmenter.network(batch["image"])["logits"], batch["mask"]
        check_finite([logits], OUTPUT, batch["name"])
        placement = Frame.of(logits.shape[-2:], self.fit).placement(*mask.shape[-2:])
        self.scores.update(self.segmenter.classes(logits, placement), mask, batch["index"])

    def compute(self) -> Scores:
        """Compute the scores over the images of all processes."""
        scores: Scores = self.scores.compute()
        return scores


class ParsingComparison:
    """Comparison of people, their parts and characteristics.

    Args:
        parser: the network.
        device: the device of this process.
    """

    def __init__(self, parser: Parser, device: torch.device) -> None:
        self.parser = parser
        self.metric = ParsingMetric(parser.values, parser.rules, COSTLY).to(device)

    def add(self, batch: Batch, check_finite: FiniteCheck) -> None:
        """Add a prepared batch."""
        output = self.parser.network(batch["image"], batch["padding"])
        check_finite(tensors(output), OUTPUT, batch["name"])
        add_scores(self.metric, self.parser, output, batch)

    def compute(self) -> Scores:
        """Compute the scores over the images of all processes."""
        return self.metric.compute()


@singledispatch
def comparison(network: Any, fit: Fit, device: torch.device) -> Comparison:
    """Choose the comparison by the kind of the network; arguments as in :func:`evaluate`."""
    raise TypeError(f"{type(network).__name__} is not evaluated")


@comparison.register
def _(network: Segmenter, fit: Fit, device: torch.device) -> Comparison:
    return SemanticComparison(network, fit, device)


@comparison.register
def _(network: Parser, fit: Fit, device: torch.device) -> Comparison:
    return ParsingComparison(network, device)


@torch.no_grad()  # torchmetrics states that are created in inference mode cannot be gathered
def evaluate(
    network: ImageNetwork,
    batches: Batches,
    device: torch.device,
    dtype: torch.dtype | None,
    fit: Fit = "squeeze",
) -> Scores:
    """Score a network on batches of images; the processes together see each image once.

    Args:
        network: the network; it is moved to the device and set to evaluation mode.
        batches: the batches of this process.
        device: the device of this process.
        dtype: number format of the forward pass; None for that of the weights.
        fit: rule by which the images are fitted into the network's input, which is undone for masks
            at their original size; has no effect on masks at the size of the input, and on images
            at their own aspect.

    Raises:
        DivergedError: the network's output for an image is not finite.
    """
    check_finite = FiniteCheck()
    network.to(device).eval()
    scores = comparison(network, fit, device)
    with torch.autocast(device.type, dtype, enabled=dtype is not None):
        for batch in batches:
            scores.add(network.prepared(_moved(batch, device)), check_finite)
    check_finite.finish()
    return scores.compute()


def _moved(value: Any, device: torch.device) -> Any:
    """Move the tensors of a batch, also those in lists."""
    if torch.is_tensor(value):
        return value.to(device, non_blocking=True)
    if isinstance(value, dict):
        return {key: _moved(item, device) for key, item in value.items()}
    if isinstance(value, list):
        return [_moved(item, device) for item in value]
    return value


@contextlib.contextmanager
def process_group(world_size: int, device: torch.device) -> Iterator[None]:
    """Connect the processes of an evaluation, which find each other by environment variables."""
    if world_size == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)  # where objects are gathered
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()
