"""Assignment of queries to the people of an image."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torchvision.ops import box_convert, generalized_box_iou

LARGE = 1e6
"""Cost of what is not finite; a training that diverges ends with a message about its loss."""


class Costs(NamedTuple):
    """Weights of the terms of the cost.

    Args:
        person: probability of a person.
        box: L1 distance of boxes.
        giou: their generalized IoU.
    """

    person: float = 1.0
    box: float = 5.0
    giou: float = 2.0


DETR = Costs()


class Matches(NamedTuple):
    """Queries and people that belong together, N pairs of all images of a batch.

    Args:
        images: position of the image in the batch, int64 [N].
        queries: number of the query, int64 [N].
        people: number of the person in its image, int64 [N].
    """

    images: Tensor
    queries: Tensor
    people: Tensor


@torch.no_grad()
def match(people: Tensor, boxes: Tensor, targets: Sequence[Tensor], costs: Costs = DETR) -> Matches:
    """Assign each person of an image another query, at the least total cost.

    Args:
        people: logits of a person and of none, float [B,Q,2].
        boxes: center, width and height as fractions of the image, float [B,Q,4].
        targets: boxes of the people of each image, float [n,4]; of more than Q, Q are matched.
        costs: weights of the terms of the cost.

    Source: Carion et al., End-to-end object detection with transformers, 2020, Eq. 1; the
        probability stands in for the class loss, as in its program.
    """
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    probability = people.float().softmax(-1)[..., 0]
    for image, target in enumerate(targets):
        own = boxes[image].float()
        cost = (
            costs.box * torch.cdist(own, target, p=1)
            - costs.person * probability[image][:, None]
            - costs.giou * generalized_box_iou(corners(own), corners(target))
        ).nan_to_num(LARGE, LARGE, -LARGE)
        queries, persons = (
            torch.as_tensor(index, device=boxes.device)
            for index in linear_sum_assignment(cost.cpu().numpy())
        )
        found.append((torch.full_like(queries, image), queries, persons))
    return Matches(*(torch.cat(column) for column in zip(*found, strict=True)))


def corners(boxes: Tensor) -> Tensor:
    """Convert center, width and height [N,4] to left, top, right and bottom."""
    converted: Tensor = box_convert(boxes, "cxcywh", "xyxy")
    return converted
