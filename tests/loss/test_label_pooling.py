"""Label pooling: reference maps, a slow reference, counts, and memory."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.overrides import TorchFunctionMode

from clothseg.labels import IGNORE
from clothseg.loss.label_pooling import LabelPooling, label_pyramid
from support.answers import pooled_label_cases
from support.slow_label_pooling import slow_label_pyramid

CASES = pooled_label_cases()


def patchwork(seed, size, classes, patch, ignored):
    """One mask of square patches of random classes; each pixel may be ignored."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, classes, [-(-side // patch) for side in size])
    mask = np.kron(coarse, np.ones((patch, patch), int))[: size[0], : size[1]]
    return np.where(random.random(size) < ignored, IGNORE, mask)[None]


@pytest.mark.parametrize("name", CASES)
def test_pyramid_equals_the_reference_maps(name):
    case = CASES[name]
    pyramid = label_pyramid(torch.tensor(case["target"]).long(), 4)
    assert len(pyramid) == 6
    for level, labels in enumerate(pyramid, 1):
        np.testing.assert_array_equal(labels.presence, case[f"presence_{level}"])
        np.testing.assert_array_equal(labels.valid, case[f"valid_{level}"])


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    size=st.sampled_from([(224, 224), (224, 256), (320, 224)]),
    classes=st.integers(2, 5),
    patch=st.sampled_from([1, 5, 40, 150]),
    ignored=st.sampled_from([0, 1e-5, 1e-3, 0.3, 1]),
)
def test_pyramid_equals_the_set_of_values_in_each_window(seed, size, classes, patch, ignored):
    mask = patchwork(seed, size, classes, patch, ignored)
    expected = slow_label_pyramid(mask, classes)
    for labels, (presence, valid) in zip(
        label_pyramid(torch.tensor(mask), classes), expected, strict=True
    ):
        np.testing.assert_array_equal(labels.presence, presence)
        np.testing.assert_array_equal(labels.valid, valid)


@pytest.mark.parametrize("known", [4, IGNORE])
@pytest.mark.parametrize("name", CASES)
def test_counts_give_the_number_of_valid_elements_for_any_upper_bound_of_the_classes(name, known):
    case = CASES[name]
    counts = LabelPooling(known).counts(torch.tensor(case["target"]).long())
    for level in range(1, 7):
        elements = 4 * counts[f"complete_windows_{level}"] + counts[f"presences_{level}"]
        assert elements == case[f"valid_{level}"].sum()


class LargestTensor(TorchFunctionMode):
    """Records the size of the largest tensor that a function of torch returns, bytes."""

    size = 0

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        result = function(*arguments, **(keywords or {}))
        if isinstance(result, torch.Tensor):
            self.size = max(self.size, result.numel() * result.element_size())
        return result


def test_no_tensor_is_as_large_as_a_one_hot_mask():
    """Of 100 classes, a one-hot mask has at least 100 bytes per pixel; the mask itself has 8."""
    mask = torch.randint(0, 100, (2, 224, 224))
    with LargestTensor() as largest:
        label_pyramid(mask, 100)
    assert 8 * mask.numel() <= largest.size < 30 * mask.numel()
