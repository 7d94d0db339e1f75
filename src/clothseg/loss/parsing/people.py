"""Loss of people: whether a query is one, its box, and its mask."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import generalized_box_iou

from clothseg.loss.parsing.binary import dice, focal
from clothseg.loss.parsing.matching import Matches, corners

NO_PERSON_WEIGHT = 0.1
"""Weight of queries that are no person, of which there are many."""


@dataclass(frozen=True)
class Weights:
    """Weight of each term.

    Args:
        person: whether a query is a person.
        box: L1 distance of boxes.
        giou: one minus their GIoU; 0 for none, as loesch2021 lists the terms.
        mask: focal loss of masks.
        dice: Dice loss of masks.

    Source: Carion et al., 2020. loesch2021 states that it follows DETR, and that no weights are
        used; which of both is left open.
    """

    person: float = 1.0
    box: float = 5.0
    giou: float = 2.0
    mask: float = 1.0
    dice: float = 1.0


class Counts(NamedTuple):
    """Numbers of people of a training step, averaged over its micro-batches and processes.

    Args:
        matched: people that have a query, a scalar.
        divisor: all people, at least one in the step, which sums over people are divided by.
    """

    matched: Tensor
    divisor: Tensor


def query_terms(
    people: Tensor, boxes: Tensor, targets: Sequence[Tensor], matches: Matches, counts: Counts
) -> dict[str, Tensor]:
    """Compute the terms of the queries after one layer of the decoder, without weights.

    Args:
        people: logits of a person and of none, float [B,Q,2].
        boxes: center, width and height as fractions of the image, float [B,Q,4].
        targets: boxes of the people of each image, float [n,4].
        matches: queries of these people.
        counts: numbers of people of the step.

    Returns:
        ``person``, the weighted mean over queries of the cross-entropy; ``box`` and ``giou``, the
        sums over people divided by their number. All are differentiable without people.
    """
    people, boxes = people.float(), boxes.float()
    label = torch.ones(people.shape[:2], dtype=torch.int64, device=people.device)
    label[matches.images, matches.queries] = 0
    weights = people.new_tensor([1.0, NO_PERSON_WEIGHT])
    entropy = F.cross_entropy(people.flatten(0, 1), label.flatten(), weights, reduction="sum")
    total = counts.matched + NO_PERSON_WEIGHT * (label.numel() - counts.matched)
    found = boxes[matches.images, matches.queries]
    true = torch.cat([t[matches.people[matches.images == i]] for i, t in enumerate(targets)])
    overlap = torch.diagonal(generalized_box_iou(corners(found), corners(true)))
    live = 0 * boxes.sum()
    return {
        "person": entropy / total,
        "box": (F.l1_loss(found, true, reduction="sum") + live) / counts.divisor,
        "giou": ((1 - overlap).sum() + live) / counts.divisor,
    }


def mask_terms(
    logits: Tensor, target: Tensor, divisor: Tensor, valid: Tensor | None = None
) -> dict[str, Tensor]:
    """Compute the terms of the masks of matched queries, without weights.

    Args:
        logits: float [N,h,w], which are enlarged to the size of the true masks.
        target: true masks, bool [N,H,W].
        divisor: as in :class:`Counts`.
        valid: pixels that count, bool [N,H,W]; None for all.

    Returns:
        ``mask``, the focal loss, and ``dice``, both summed over people and divided by their number.
    """
    enlarged = F.interpolate(
        logits.float()[:, None], target.shape[-2:], mode="bilinear", align_corners=False
    )[:, 0]
    true, counted = target.float(), None if valid is None else valid.float()
    return {
        "mask": focal(enlarged, true, counted).sum() / divisor,
        "dice": dice(enlarged, true, counted).sum() / divisor,
    }
