"""From the outputs of a network for people to people and their parts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from clothseg.metric.names import PARTS
from clothseg.metric.parsing.instances import Instances
from clothseg.metric.parsing.scores import PredictedPicture

MIN_SCORE = 0.05
"""Smallest probability of a person that is evaluated."""
SHOWN_SCORE = 0.5
"""Smallest probability of a person that is shown to users."""
SHOWN_FRACTION = 0.5
"""Smallest fraction of its mask that a person who is shown to users has to itself."""
SAME_IOU = 0.5
"""IoU of the masks of two queries above which these have found the same person."""
INSIDE = 0.5
"""Probability above which a pixel belongs to the mask of a query."""


class ImageArea(NamedTuple):
    """Part of a padded batch that an image fills.

    Args:
        padded: height and width of the batch, pixels.
        visible: height and width of the image in its upper left corner, pixels.
        original: height and width of the image before it was resized, pixels.
    """

    padded: tuple[int, int]
    visible: tuple[int, int]
    original: tuple[int, int]

    def visible_part(self, logits: Tensor) -> tuple[int, int]:
        """Rows and columns of a map [h,w] of the batch that the image fills."""
        sizes = zip(logits.shape, self.visible, self.padded, strict=True)
        rows, columns = (-(-size * visible // padded) for size, visible, padded in sizes)
        return rows, columns

    def restored(self, maps: Tensor) -> Tensor:
        """Resize maps [N,h,w] of the batch to the original image, float [N,H,W]."""
        inside = _resized(maps, self.padded)[:, : self.visible[0], : self.visible[1]]
        return _resized(inside, self.original)


@dataclass(frozen=True)
class People:
    """People of a picture.

    Args:
        scores: score of each person, float64 [P]; ascending as they are found, descending as they
            are shown.
        probabilities: probability that each is a person, float64 [P].
        fractions: fraction of the mask of each that belongs to it and not to another, float64 [P].
        person: number of the person from 1, int64 [H,W], 0 = none.
        maps: class ids uint8 [H,W] of each semantic map.
        parts: parts of people, by person and class.
        owners: number of the person of each part, int64.
        same: index of the person with the highest score that each is the same as, or its own, int64
            [P]: several queries may find one person, and share its pixels.
    """

    scores: np.ndarray
    probabilities: np.ndarray
    fractions: np.ndarray
    person: np.ndarray
    maps: Mapping[str, np.ndarray]
    parts: Instances
    owners: np.ndarray
    same: np.ndarray

    def shown(self, min_probability: float = SHOWN_SCORE) -> "People":
        """Select the people that are shown to users; number 1 has the highest score.

        Those who are the same are one. The score of a part of several is their mean over pixels.
        """
        count = len(self.scores)
        pixels = np.bincount(self.person.ravel(), minlength=count + 1)[1:]
        sizes = pixels / self.fractions  # of the masks
        fractions = np.bincount(self.same, pixels, minlength=count) / sizes
        is_person = (self.same == np.arange(count)) & (self.probabilities >= min_probability)
        kept = np.flatnonzero(is_person & (fractions >= SHOWN_FRACTION))[::-1]
        table = np.zeros(count + 1, np.int64)
        table[kept + 1] = np.arange(1, len(kept) + 1)
        table[1:] = table[self.same + 1]
        parts, owners = self._joined_parts(table)
        return People(
            self.scores[kept],
            self.probabilities[kept],
            np.minimum(fractions[kept], 1),
            table[self.person],
            self.maps,
            parts,
            owners,
            np.arange(len(kept)),
        )

    def _joined_parts(self, table: np.ndarray) -> tuple[Instances, np.ndarray]:
        """Join the parts of a class of people with one number, and return them with their owners.

        Args:
            table: new number of each person by its number, 0 to leave it out, int64 [P+1].
        """
        owners = table[self.owners]
        keys = np.where(owners > 0, owners * 256 + self.parts.labels, 0)
        found = np.unique(keys[keys > 0])
        numbers = np.zeros(len(keys) + 1, np.int64)
        numbers[1:] = np.where(keys > 0, np.searchsorted(found, keys) + 1, 0)
        areas = np.bincount(self.parts.index.ravel(), minlength=len(keys) + 1)[1:]
        size = len(found) + 1
        total = np.bincount(numbers[1:], areas * self.parts.scores, minlength=size)[1:]
        scores = total / np.bincount(numbers[1:], areas, minlength=size)[1:]
        return Instances(numbers[self.parts.index], found % 256, scores), found // 256

    def picture(self) -> PredictedPicture:
        """Convert to the form in which predictions are scored."""
        parts = self.maps[PARTS]
        masks = [self.person == number for number in range(1, len(self.scores) + 1)]
        people = [np.where(mask, parts, 0) for mask in masks]
        return PredictedPicture(self.maps, self.parts, people, self.scores, masks)


@torch.no_grad()
def find_people(
    people: Tensor,
    masks: Iterable[Tensor],
    maps: Mapping[str, Tensor],
    area: ImageArea,
    min_score: float = MIN_SCORE,
) -> People:
    """Assign the pixels of a picture to people, and divide people into parts.

    A pixel belongs to the person whose probability times that of its mask is the highest, among
    masks of a probability above one half. The score of a person is its probability times the mean
    of its mask over its pixels; that of a part is the same over the pixels of the part, times the
    mean probability of its class.

    Args:
        people: logits of a person and of none, float [Q,2].
        masks: logits [h,w] of each query; they are looked at one by one, so that the memory does
            not grow with the number of queries.
        maps: logits [K,h,w] of each semantic map, among them :data:`PARTS`.
        area: place of the image in the batch.
        min_score: smallest probability of a person; queries below are no person.

    Source: ours; loesch2021 states only that no post-processing is needed.
    """
    probability = people.float().softmax(-1)[:, 0]
    height, width = area.original
    device = people.device
    best = torch.zeros(height, width, device=device)
    inside = torch.zeros_like(best)
    sizes = torch.zeros(len(people), device=device)
    query = torch.full((height, width), -1, dtype=torch.int64, device=device)
    found = []
    for number, logits in enumerate(masks):
        rows, columns = area.visible_part(logits)
        found.append((logits[:rows, :columns] > 0).flatten())
        mask = area.restored(logits[None].float())[0].sigmoid()
        weight = probability[number] * mask
        sizes[number] = (mask > INSIDE).sum()
        # Without a branch on the score, the time is the same however many people there are.
        better = (mask > INSIDE) & (weight > best) & (probability[number] >= min_score)
        best, inside = torch.where(better, weight, best), torch.where(better, mask, inside)
        query = query.masked_fill(better, number)
    largest = {kind: area.restored(logits.float()).max(0) for kind, logits in maps.items()}
    ids = {kind: one.indices.to(torch.uint8).cpu().numpy() for kind, one in largest.items()}
    certain = largest[PARTS].values.sigmoid().cpu().numpy()
    owner, own = query.cpu().numpy(), sizes.cpu().numpy()
    chances, overlaps = probability.cpu().double().numpy(), _overlaps(found).cpu().numpy()
    return _assembled(chances, own, overlaps, owner, inside.cpu().numpy(), certain, ids)


def _overlaps(found: Sequence[Tensor]) -> Tensor:
    """IoU of each mask with each other one, float [Q,Q].

    Args:
        found: pixels inside of each mask, boolean [n].
    """
    if not found:
        return torch.zeros(0, 0)
    inside = torch.stack([*found]).float()
    common, areas = inside @ inside.T, inside.sum(1)
    return common / (areas[:, None] + areas - common).clamp(min=1)


def _same(overlaps: np.ndarray) -> np.ndarray:
    """Index of the last of the people that each is the same as, int64 [P].

    Args:
        overlaps: IoU of their masks, float [P,P], the person with the highest score last.
    """
    same = np.arange(len(overlaps))
    distinct: list[int] = []
    for person in reversed(range(len(overlaps))):
        alike = [other for other in distinct if overlaps[person, other] > SAME_IOU]
        if alike:
            same[person] = alike[0]
        else:
            distinct.append(person)
    return same


def _assembled(
    probability: np.ndarray,
    sizes: np.ndarray,
    overlaps: np.ndarray,
    owner: np.ndarray,
    inside: np.ndarray,
    certain: np.ndarray,
    maps: Mapping[str, np.ndarray],
) -> People:
    """Number people and parts.

    Args:
        probability: probability of a person of each query, float64 [Q].
        sizes: pixels of the mask of each query, float [Q].
        overlaps: IoU of the masks of queries, float [Q,Q].
        owner: query that each pixel belongs to, int64 [H,W], -1 = none.
        inside: probability of its mask, float [H,W].
        certain: probability of the class of the part, float [H,W].
        maps: class ids of each semantic map, uint8 [H,W].
    """
    count = len(probability)
    pixels, means = _means(owner + 1, count + 1, inside)
    scores = probability * means[1:]
    present = np.flatnonzero(pixels[1:])
    ranked = present[np.argsort(scores[present], kind="stable")]
    numbers = np.zeros(count + 1, np.int64)
    numbers[ranked + 1] = np.arange(1, len(ranked) + 1)
    person = numbers[owner + 1]
    # Each part has a key of person and class; those of no person or of the background have none.
    key = np.where((person > 0) & (maps[PARTS] > 0), person * 256 + maps[PARTS], 0)
    size = (len(ranked) + 1) * 256
    areas, mask_means = _means(key, size, inside)
    _, class_means = _means(key, size, certain)
    keys = np.flatnonzero(areas)
    keys = keys[keys > 0]
    table = np.zeros(size, np.int64)
    table[keys] = np.arange(1, len(keys) + 1)
    owners, labels = keys // 256, keys % 256
    part_scores = probability[ranked[owners - 1]] * mask_means[keys] * class_means[keys]
    parts = Instances(table[key], labels, part_scores)
    fractions = pixels[1:][ranked] / sizes[ranked]
    same = _same(overlaps[np.ix_(ranked, ranked)])
    return People(scores[ranked], probability[ranked], fractions, person, maps, parts, owners, same)


def _means(key: np.ndarray, size: int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count the pixels of each key below a size, and average values over them."""
    pixels = np.bincount(key.ravel(), minlength=size)
    total = np.bincount(key.ravel(), values.ravel(), minlength=size)
    return pixels, total / np.maximum(pixels, 1)


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(maps[None], size, mode="bilinear", align_corners=False)[0]
