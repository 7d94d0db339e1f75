"""Dominant colors of classes: named by the nearest reference, counted by class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clothseg.task.color_names import REFERENCES, dominant_colors


def rgb(text):
    return np.array(list(bytes.fromhex(text[1:])), np.uint8)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_has_its_own_name(name):
    for text in REFERENCES[name]:
        image = np.broadcast_to(rgb(text), (3, 4, 3))
        ((color,),) = dominant_colors(image, np.zeros((3, 4), np.uint8), 1)
        assert (color.name, color.fraction, color.rgb) == (name, 1.0, text)


def test_colors_are_counted_by_class():
    image = np.zeros((10, 10, 3), np.uint8)
    mask = np.zeros((10, 10), np.uint8)
    mask[:, 5:] = 2
    image[:7, 5:] = rgb("#285abe")
    image[7:, 5:] = rgb("#c81e28")
    image[7, 5:7] = rgb("#f0d23c")  # less than a tenth of the class
    background, nothing, garment = dominant_colors(image, mask, 3)
    assert [(color.name, color.fraction) for color in background] == [("black", 1.0)]
    assert nothing == []
    assert [(c.name, c.fraction) for c in garment] == [("blue", 0.7), ("red", 0.26)]


@given(st.integers(0, 2**31))
def test_fractions_are_those_of_the_class_and_descend(seed):
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (6, 7, 3)).astype(np.uint8)
    mask = random.integers(0, 3, (6, 7)).astype(np.uint8)
    for k, colors in enumerate(dominant_colors(image, mask, 3)):
        fractions = [color.fraction for color in colors]
        assert fractions == sorted(fractions, reverse=True)
        assert len(colors) <= 3
        assert sum(fractions) <= 1 + 1e-9
        for color in colors:
            pixels = color.fraction * (mask == k).sum()
            assert pixels == pytest.approx(round(pixels))
