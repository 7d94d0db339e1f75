"""Colors of the shipped label spaces: told apart by everybody where their number allows it."""

from itertools import combinations

import pytest

from support.color_distance import cie76, ciede2000, lab
from support.shipped_config import label_space

APART = {"cfpd23": 18, "imaterialist46": 13, "ccp59": 11.5}
"""Smallest distance of two classes, which falls with their number; a release has its own colors."""
FOR_EVERYBODY = {"body4": 25, "modanet13": 12.5, "refined15": 12.5}
"""The same for label spaces that are so small that it can hold for color-blind readers too."""
SIGHTS = ("normal", "protanopia", "deuteranopia")


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        # Pairs 1, 7, 17, 20, 25 and 33 of the authors' data.
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.5, 0), (58, 24, 15), 19.4535),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
    ],
)
def test_the_distance_is_that_of_published_pairs(one, other, distance):
    assert ciede2000(one, other) == pytest.approx(distance, abs=1e-4)
    assert ciede2000(other, one) == pytest.approx(distance, abs=1e-4)


def closest(name, distance, sight="normal"):
    """Smallest distance of two classes."""
    return min(distance(*pair) for pair in combinations(lab(label_space(name).colors, sight), 2))


@pytest.mark.parametrize("name", APART)
def test_classes_can_be_told_apart(name):
    assert closest(name, ciede2000) >= APART[name]
    assert closest(name, cie76) >= 20


@pytest.mark.parametrize("name", FOR_EVERYBODY)
@pytest.mark.parametrize("sight", SIGHTS)
def test_few_classes_can_be_told_apart_by_color_blind_readers(name, sight):
    assert closest(name, ciede2000, sight) >= FOR_EVERYBODY[name]


@pytest.mark.parametrize("name", ["cihp20", "ccihp20"])
def test_left_and_right_can_be_told_apart(name):
    space = label_space(name)
    colors = dict(zip(space.names, lab(space.colors), strict=True))
    for left, right in space.flip_pairs:
        assert ciede2000(colors[left], colors[right]) >= 9


@pytest.mark.parametrize("name", [*APART, *FOR_EVERYBODY])
def test_no_class_looks_like_an_outline_or_an_ignored_pixel(name):
    white, ignored = lab(["#ffffff", "#d9d9d9"])
    for color in lab(label_space(name).colors):
        assert min(ciede2000(color, white), ciede2000(color, ignored)) >= 9
