"""Descriptions of people: what each of their parts is like, for files and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clothseg.metric.names import PARTS
from clothseg.task.color_names import DominantColor, dominant_colors
from clothseg.task.people import People

COLOR = "color"
"""Semantic map of the colors of parts, which not every network predicts."""
UNSAID = ("undetermined",)
"""Values that say nothing about a part."""


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


def _values(index: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Count the values of a map in each of a number of parts, int64 [n,256]."""
    key = index.astype(np.int64) * 256 + values
    return np.bincount(key.ravel(), minlength=(count + 1) * 256).reshape(count + 1, 256)[1:]
