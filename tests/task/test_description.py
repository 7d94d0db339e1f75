"""Descriptions of people: characteristics, colors and sentences."""

from dataclasses import replace

import numpy as np
import pytest

from clothseg.metric.names import PARTS
from clothseg.task.description import Part, describe, sentence
from support.network_outputs import drawn, people_of


def test_people_are_described_by_the_most_frequent_values():
    found = people_of(*drawn())
    image = np.full((*found.person.shape, 3), (200, 30, 40), np.uint8)
    image[found.person == 2, 2] = 200
    second, first = describe(found, image)
    assert [part.label for part in first] == [1, 2]
    assert [color.name for color in first[0].colors] == ["purple"]
    assert [color.name for color in second[0].colors] == ["red"]
    assert first[0].characteristics == {}
    assert first[1].characteristics == {"color": (2, 1.0)}
    assert second[0].characteristics == {"color": (1, pytest.approx(2 / 3))}
    assert second[0].pixels == 15
    names = {PARTS: ["none", "Hat", "Coat"], "color": ["none", "Dark", "Red"]}
    assert sentence(first, names) == "hat, red coat"
    assert sentence([Part(2, 1.0, 5, {"color": (1, 0.5)}, [])], names) == "dark coat"


def test_colors_that_no_network_predicts_are_those_of_the_image():
    found = people_of(*drawn())
    image = np.full((*found.person.shape, 3), (200, 30, 40), np.uint8)
    names = {PARTS: ["none", "Hat", "Coat"]}
    _, first = describe(replace(found, maps={PARTS: found.maps[PARTS]}), image)
    assert sentence(first, names) == "red hat, red coat"
