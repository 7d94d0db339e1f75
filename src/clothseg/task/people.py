"""From the outputs of a network for people to people, their parts, and what these are like."""

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
from clothseg.task.color_names import DominantColor, dominant_colors

MIN_SCORE = 0.05
"""Smallest probability of a person that is evaluated."""
SHOWN_SCORE = 0.5
"""Smallest probability of a person that is shown to users."""
SHOWN_FRACTION = 0.5
"""Smallest fraction of its mask that a person who is shown to users has to itself. Several queries
may find one person; what the best of them leaves to the others is no person."""
COLOR = "color"
"""Semantic map of the colors of parts, which not every network predicts."""
UNSAID = ("undetermined",)
"""Values that say nothing about a part."""
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
    """

    scores: np.ndarray
    probabilities: np.ndarray
    fractions: np.ndarray
    person: np.ndarray
    maps: Mapping[str, np.ndarray]
    parts: Instances
    owners: np.ndarray

    def shown(self, min_probability: float = SHOWN_SCORE) -> "People":
        """Select the people that are shown to users; number 1 has the highest score."""
        is_person = self.probabilities >= min_probability
        kept = np.flatnonzero(is_person & (self.fractions >= SHOWN_FRACTION))[::-1]
        table = np.zeros(len(self.scores) + 1, np.int64)
        table[kept + 1] = np.arange(1, len(kept) + 1)
        owned = table[self.owners] > 0
        part = np.zeros(len(self.owners) + 1, np.int64)
        part[1:][owned] = np.arange(1, int(owned.sum()) + 1)
        labels, scores = self.parts.labels[owned], self.parts.scores[owned]
        parts = Instances(part[self.parts.index], labels, scores)
        return People(
            self.scores[kept],
            self.probabilities[kept],
            self.fractions[kept],
            table[self.person],
            self.maps,
            parts,
            table[self.owners[owned]],
        )

    def picture(self) -> PredictedPicture:
        """Convert to the form in which predictions are scored."""
        parts = self.maps[PARTS]
        masks = [self.person == number for number in range(1, len(self.scores) + 1)]
        people = [np.where(mask, parts, 0) for mask in masks]
        return PredictedPicture(self.maps, self.parts, people, self.scores, masks)


@dataclass(frozen=True)
class Part:
    """Part of a person, described.

    Args:
        label: class of the part.
        score: score of the part.
        pixels: number of its pixels.
        characteristics: by kind, the most frequent value but 0 and the fraction of the part that
            has it; kinds without one are left out.
        colors: its dominant colors in the image, which need no network.
    """

    label: int
    score: float
    pixels: int
    characteristics: Mapping[str, tuple[int, float]]
    colors: Sequence[DominantColor]


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
    for number, logits in enumerate(masks):
        mask = area.restored(logits[None].float())[0].sigmoid()
        weight = probability[number] * mask
        sizes[number] = (mask > INSIDE).sum()
        # Without a branch on the score, the time is the same however many people there are.
        better = (mask > INSIDE) & (weight > best) & (probability[number] >= min_score)
        best, inside = torch.where(better, weight, best), torch.where(better, mask, inside)
        query = query.masked_fill(better, number)
    largest = {kind: area.restored(logits.float()).max(0) for kind, logits in maps.items()}
    ids = {kind: found.indices.to(torch.uint8).cpu().numpy() for kind, found in largest.items()}
    certain = largest[PARTS].values.sigmoid().cpu().numpy()
    owner, own = query.cpu().numpy(), sizes.cpu().numpy()
    return _assembled(
        probability.cpu().double().numpy(), own, owner, inside.cpu().numpy(), certain, ids
    )


def _assembled(
    probability: np.ndarray,
    sizes: np.ndarray,
    owner: np.ndarray,
    inside: np.ndarray,
    certain: np.ndarray,
    maps: Mapping[str, np.ndarray],
) -> People:
    """Number people and parts.

    Args:
        probability: probability of a person of each query, float64 [Q].
        sizes: pixels of the mask of each query, float [Q].
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
    return People(scores[ranked], probability[ranked], fractions, person, maps, parts, owners)


def describe(people: People, image: np.ndarray) -> list[list[Part]]:
    """Describe the parts of each person by their characteristics and colors.

    Args:
        people: the people; kinds of characteristics are the semantic maps besides :data:`PARTS`.
        image: RGB uint8 [H,W,3].
    """
    described: list[list[Part]] = [[] for _ in people.scores]
    count = len(people.parts.labels)
    kinds = [kind for kind in people.maps if kind != PARTS]
    tables = {kind: _values(people.parts.index, people.maps[kind], count) for kind in kinds}
    areas = np.bincount(people.parts.index.ravel(), minlength=count + 1)[1:]
    colors = dominant_colors(image, people.parts.index, count + 1)[1:]
    for number, owner in enumerate(people.owners):
        characteristics = {}
        for kind, table in tables.items():
            row = table[number]
            value = int(row[1:].argmax()) + 1
            if row[value]:
                characteristics[kind] = value, float(row[value] / areas[number])
        label, score = int(people.parts.labels[number]), float(people.parts.scores[number])
        part = Part(label, score, int(areas[number]), characteristics, colors[number])
        described[owner - 1].append(part)
    return described


def sentence(parts: Sequence[Part], names: Mapping[str, Sequence[str]]) -> str:
    """Describe a person in words, such as `long dark pants, red hat`.

    A network that does not predict colors leaves them to the image.

    Args:
        parts: result of :func:`describe`.
        names: names of the values of each semantic map.
    """
    phrases = []
    for part in parts:
        # Of a name such as `Long/large` only the first word is said.
        values = [names[kind][value] for kind, (value, _) in part.characteristics.items()]
        words = [value.split("/")[0] for value in values if value.lower() not in UNSAID]
        if COLOR not in names and part.colors:
            words.append(part.colors[0].name)
        phrases.append(" ".join([*words, names[PARTS][part.label]]).lower())
    return ", ".join(phrases)


def _means(key: np.ndarray, size: int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count the pixels of each key below a size, and average values over them."""
    pixels = np.bincount(key.ravel(), minlength=size)
    total = np.bincount(key.ravel(), values.ravel(), minlength=size)
    return pixels, total / np.maximum(pixels, 1)


def _values(index: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Count the values of a map in each of a number of parts, int64 [n,256]."""
    key = index.astype(np.int64) * 256 + values
    return np.bincount(key.ravel(), minlength=(count + 1) * 256).reshape(count + 1, 256)[1:]


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(maps[None], size, mode="bilinear", align_corners=False)[0]
