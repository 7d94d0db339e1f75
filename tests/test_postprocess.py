"""Postprocessing: reference maps, and properties of an opening."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clothseg.postprocess import none, open_channels, opening
from support.answers import opening_answers


@pytest.fixture(scope="module")
def answers():
    return opening_answers()


KERNELS = [("square", 3), ("square", 5), ("cross", 3)]


def logits_of(probabilities):
    return torch.tensor(probabilities, dtype=torch.float64).log()[None]


@pytest.mark.parametrize(("kernel", "size"), KERNELS)
def test_opened_probabilities_equal_the_reference(answers, kernel, size):
    opened = open_channels(torch.tensor(answers["probabilities"])[None], kernel, size)[0]
    assert np.array_equal(opened.numpy(), answers[f"opened/{kernel}{size}"])


@pytest.mark.parametrize(("kernel", "size"), KERNELS)
@pytest.mark.parametrize("mode", ["grey", "binary_argmax", "binary_threshold"])
def test_classes_equal_the_reference(answers, mode, kernel, size):
    classes = opening(mode=mode, kernel=kernel, size=size)(logits_of(answers["probabilities"]))
    assert classes.dtype == torch.int64
    assert np.array_equal(classes[0].numpy(), answers[f"classes/{mode}/{kernel}{size}"])


def test_none_takes_the_largest_logit(answers):
    classes = none()(logits_of(answers["probabilities"]))
    assert np.array_equal(classes[0].numpy(), answers["classes/none"])


@given(st.integers(0, 2**31), st.sampled_from(["square", "cross"]), st.sampled_from([3, 5, 7]))
def test_opening_equals_opencv_and_is_anti_extensive_and_idempotent(seed, kernel, size):
    maps = np.random.default_rng(seed).random((2, 9, 11), np.float32)
    shape = {"square": cv2.MORPH_RECT, "cross": cv2.MORPH_CROSS}[kernel]
    element = cv2.getStructuringElement(shape, (size, size))
    opened = open_channels(torch.tensor(maps)[None], kernel, size)[0].numpy()
    expected = [cv2.morphologyEx(channel, cv2.MORPH_OPEN, element) for channel in maps]
    assert np.array_equal(opened, np.stack(expected))
    assert (opened <= maps).all()
    twice = open_channels(torch.tensor(opened)[None], kernel, size)[0].numpy()
    assert np.array_equal(twice, opened)


def test_regions_smaller_than_the_kernel_are_removed():
    logits = torch.zeros(1, 2, 9, 9)
    logits[:, 0] = 2
    logits[0, 1, 1, 1] = logits[0, 1, 4:8, 4:8] = 9
    classes = opening(mode="binary_argmax", kernel="square", size=3)(logits)
    assert classes[0, 1, 1] == 0
    assert (classes[0, 4:8, 4:8] == 1).all()


def test_classes_at_another_size_equal_the_argmax_of_interpolated_logits():
    logits = torch.randn(2, 5, 8, 6, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.interpolate(logits, (20, 33), mode="bilinear").argmax(1)
    assert torch.equal(none()(logits, (20, 33)), expected)
    assert torch.equal(none()(logits, (8, 6)), logits.argmax(1))


def test_opening_operates_at_the_size_of_the_logits():
    """Regions removed there do not reappear at a larger output size."""
    logits = torch.zeros(1, 2, 9, 9)
    logits[:, 0] = 2
    logits[0, 1, 1, 1] = logits[0, 1, 4:8, 4:8] = 9
    postprocess = opening(mode="binary_argmax", kernel="square", size=3)
    large = postprocess(logits, (90, 90))
    assert not large[0, :30, :30].any()
    assert (large[0, 50:70, 50:70] == 1).all()
