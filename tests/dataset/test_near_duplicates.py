"""Perceptual hashes and groups of near-duplicates."""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import dctn

from clothseg.dataset.near_duplicates import near_duplicate_pairs, perceptual_hash


def test_perceptual_hash_is_the_sign_of_low_frequencies():
    image = np.random.default_rng(3).integers(0, 255, (64, 96, 3), np.uint8)
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA).astype(float)
    low = dctn(small, norm="ortho")[:8, :8].ravel()
    expected = int("".join("1" if value > np.median(low) else "0" for value in low), 2)
    assert perceptual_hash(image) == expected
    brighter = np.clip(image * 0.9 + 20, 0, 255).astype(np.uint8)
    assert (perceptual_hash(brighter) ^ expected).bit_count() <= 4


@given(st.lists(st.integers(0, 2**64 - 1), max_size=6), st.integers(1, 2**12))
def test_near_duplicate_pairs_equal_those_of_an_exhaustive_comparison(values, difference):
    values += [value ^ difference for value in values]
    expected = [
        (i, j)
        for i in range(len(values))
        for j in range(i + 1, len(values))
        if (values[i] ^ values[j]).bit_count() <= 8
    ]
    first, second = near_duplicate_pairs(np.array(values, np.uint64))
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == expected
