"""Classes at the original size: placements are undone, in predictions and in scores."""

import math
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from clothseg.geometry import Fit, Frame
from clothseg.postprocess import none
from clothseg.task.evaluation import evaluate
from clothseg.task.segmenter import Segmenter

NAMES = ["black", "red", "green", "blue"]
COLORS = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)


class ColorNetwork(nn.Module):
    """Classifies every pixel by its color alone."""

    def forward(self, image):
        return {"logits": 20 * torch.cat([1 - image.sum(1, keepdim=True), image], 1)}


def segmenter():
    return Segmenter(ColorNetwork(), NAMES, "unit", none())


def quarters(height, width):
    """Image and mask of a class in each quarter."""
    mask = np.zeros((height, width), np.uint8)
    mask[: height // 2, width // 2 :] = 1
    mask[height // 2 :, : width // 2] = 2
    mask[height // 2 :, width // 2 :] = 3
    return COLORS[mask], mask


SIDES = st.tuples(st.integers(20, 90), st.integers(20, 90))
FRAMES = st.tuples(st.integers(32, 64), st.integers(32, 64))


@given(SIDES, FRAMES, st.sampled_from(get_args(Fit)))
@settings(deadline=None, max_examples=60)
def test_visible_pixels_get_their_classes_back_and_others_are_background(size, frame, fit):
    image, mask = quarters(*size)
    placement = Frame(*frame, fit).placement(*size)
    found = segmenter().predict(placement.image(image)[None], placement)[0]
    assert found.shape == size
    visible = np.zeros(size, bool)
    visible[placement.source.slices] = True
    assert not found[~visible].any()
    for axis, side in enumerate(size):  # beside the border between classes, which is blurred
        pixel = placement.source.size[axis] / placement.target.size[axis]
        margin = math.ceil(max(pixel, 1))
        border = slice(side // 2 - margin, side // 2 + margin)
        visible[(border, slice(None)) if axis == 0 else (slice(None), border)] = False
    assert np.array_equal(found[visible], mask[visible])


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        ("squeeze", np.diag([8, 8, 8, 8])),
        ("letterbox", np.diag([8, 8, 8, 8])),
        # Of four columns, the first and the last are cut off, and predicted as background.
        ("crop", [[8, 0, 0, 0], [4, 4, 0, 0], [4, 0, 4, 0], [4, 0, 0, 4]]),
    ],
)
def test_masks_of_the_original_size_are_scored_without_padding_but_with_what_is_cut_off(
    fit, expected
):
    image, mask = quarters(4, 8)
    mask = mask.repeat(8, 0).repeat(8, 1)
    image = image.repeat(8, 0).repeat(8, 1)
    placement = Frame(32, 32, fit).placement(*mask.shape)
    batch = {
        "image": torch.from_numpy(placement.image(image))[None],
        "mask": torch.from_numpy(mask)[None],
        "index": torch.tensor([0]),
        "name": ["quarters"],
    }
    scores = evaluate(segmenter(), [batch], torch.device("cpu"), None, fit)
    assert np.array_equal(scores.matrix, 64 * np.array(expected))
    placed = batch | {"mask": torch.from_numpy(placement.mask(mask))[None]}
    scores = evaluate(segmenter(), [placed], torch.device("cpu"), None, fit)
    visible = placement.target.height * placement.target.width
    assert scores.matrix.sum() == np.trace(scores.matrix) == visible
