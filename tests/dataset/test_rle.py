"""Run-length encoding: the text that COCO's library writes."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from clothseg.dataset import rle


@given(st.integers(0, 2**31), st.integers(1, 50), st.integers(1, 50), st.floats(0, 1))
def test_the_text_is_that_of_coco(seed, height, width, density):
    mask = np.random.default_rng(seed).random((height, width)) < density
    text = rle.encode(mask)
    assert text == coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    assert np.array_equal(rle.decode(text, height, width), mask)


def test_long_runs_and_lists_of_runs_are_read():
    mask = np.zeros((900, 700), bool)
    mask[100:850, 3:690] = True
    assert np.array_equal(rle.decode(rle.encode(mask), 900, 700), mask)
    assert rle.decode([1, 2, 1], 2, 2).tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize("counts", ["", "5", "é", "P" * 30, "o", "00", [5], [-1, 5], [2, 1]])
def test_what_is_no_mask_is_a_value_error(counts):
    with pytest.raises(ValueError, match=r"add up|no character|too long|ends within"):
        rle.decode(counts, 2, 2)


@given(st.text(max_size=40))
def test_any_text_is_a_mask_or_a_value_error(text):
    with suppress(ValueError):
        assert rle.decode(text, 3, 4).shape == (3, 4)
