"""Comparison of the output of a network for human parsing with the ground truth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clothseg.metric.names import PARTS
from clothseg.metric.parsing.instances import characterized_truth
from clothseg.metric.parsing.result import ParsingMetric
from clothseg.metric.parsing.scores import TruePicture
from clothseg.model.parsing_network import ParsingOutput
from clothseg.task.image_network import Batch
from clothseg.task.parser import Parser
from clothseg.task.people import ImageArea


def tensors(output: ParsingOutput) -> list[Tensor]:
    """Return the tensors of an output that every image has."""
    return [output.people, output.boxes, *output.maps.values()]


def add_scores(metric: ParsingMetric, parser: Parser, output: ParsingOutput, batch: Batch) -> None:
    """Compare the output for a prepared batch with its ground truth, image by image.

    Args:
        metric: the metric.
        parser: the network with what its use needs.
        output: its output.
        batch: the batch. ``truth`` uint8 [B,2+K,H,W], if there is one, is the ground truth at the
            original size; else that of the batch counts.
    """
    padded = batch["image"].shape[-2:]
    for position, index in enumerate(batch["index"].tolist()):
        height, width = visible = tuple(batch["visible"][position].tolist())
        if "truth" in batch:
            truth = batch["truth"][position].cpu().numpy()
        else:
            names = ("mask", "person")
            stacked = [batch[name][position] for name in names] + [*batch["further"][position]]
            truth = np.stack([m[:height, :width].to(torch.uint8).cpu().numpy() for m in stacked])
        area = ImageArea(tuple(padded), visible, truth.shape[-2:])
        people = parser.people(output, position, area)
        metric.update(index, true_picture(truth, parser.values), people.picture())


def true_picture(maps: np.ndarray, values: Mapping[str, Sequence[str]]) -> TruePicture:
    """Create the ground truth of a picture.

    Args:
        maps: parts, people and characteristics, uint8 [2+K,H,W], 255 = ignore.
        values: names of the values of each map, parts first.
    """
    parts, person = maps[0], maps[1]
    characteristics: dict[str, Any] = dict(zip(list(values)[1:], maps[2:], strict=True))
    visible = np.where(parts < len(values[PARTS]), parts, 0)
    # A part of a person is an instance of its class.
    instances = characterized_truth(person, visible, visible)
    return TruePicture({PARTS: parts, **characteristics}, person.astype(np.int64), instances)
