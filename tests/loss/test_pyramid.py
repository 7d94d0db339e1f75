"""Binary cross-entropy of the softmax: reference values, gradients, and confident predictions."""

import math

import numpy as np
import pytest
import torch

from clothseg.labels import IGNORE
from clothseg.loss.pyramid import ImagePyramid, softmax_binary_cross_entropy
from support.answers import loss_cases


def value_and_gradient(logits, target):
    """Mean over valid pixels and classes, with its gradient."""
    logits, target = torch.tensor(logits, requires_grad=True), torch.tensor(target).long()
    elements = logits.shape[1] * max((target != IGNORE).sum(), 1)
    value = softmax_binary_cross_entropy(logits, target) / elements
    value.backward()
    return value.item(), logits.grad.numpy()


def test_softmax_binary_cross_entropy_equals_the_reference_values():
    cases = loss_cases()
    assert "large_logits" in cases
    for label, case in cases.items():
        value, gradient = value_and_gradient(case.logits.astype(np.float64), case.target)
        assert value == pytest.approx(case.values["softmax_bce"], rel=1e-12), label
        assert np.isfinite(gradient).all(), label
        if case.gradients:
            assert gradient == pytest.approx(case.gradients["softmax_bce"], abs=1e-5), label


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_binary_cross_entropy_of_confident_predictions(dtype):
    """With logits of 100, 0 and 0, the probabilities of the last two are e^-100."""
    logits = np.array([100, 0, 0], dtype).reshape(1, 3, 1, 1)
    value, gradient = value_and_gradient(logits, [[[1]]])
    # -log p_1 is 100; -log(1 - p_0) is 100 - log 2, with the gradient 1, -1/2 and -1/2
    assert 3 * value == pytest.approx(200 - math.log(2), rel=1e-6)
    assert 3 * gradient.ravel() == pytest.approx([2, -1.5, -0.5], abs=1e-5)
    value, gradient = value_and_gradient(logits, [[[0]]])
    assert value == pytest.approx(0, abs=1e-30)
    assert gradient == pytest.approx(0, abs=1e-30)


def test_gradient_of_softmax_binary_cross_entropy_equals_finite_differences():
    random = np.random.default_rng(0)
    target = torch.tensor(random.integers(0, 3, (2, 3, 3)))
    target[0, 0] = IGNORE
    logits = torch.tensor(3 * random.normal(size=(2, 3, 3, 3)), requires_grad=True)
    assert (logits.softmax(1) > 0.6).any()
    assert torch.autograd.gradcheck(lambda z: softmax_binary_cross_entropy(z, target), logits)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_image_pyramid_is_minimal_at_the_means_of_blocks(dtype):
    random = np.random.default_rng(0)
    photo = random.integers(0, 256, (2, 32, 48, 3), np.uint8)
    output = {}
    for level in range(1, 5):
        block = 2**level
        means = photo.reshape(2, 32 // block, block, 48 // block, block, 3).mean((2, 4)) / 255
        logits = torch.tensor(means).permute(0, 3, 1, 2).logit().to(dtype)
        output[f"image_{level}"] = logits.requires_grad_()
    (term,) = ImagePyramid()(output, {"photo": torch.tensor(photo)}).values()
    term.backward()
    for logits in output.values():
        gradient = logits.grad * logits.numel()  # of the mean over all elements
        assert gradient.abs().max() < 10 * torch.finfo(dtype).eps
