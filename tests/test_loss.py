"""Losses against the independent values and gradients."""

import numpy as np
import pytest
import torch

from clothseg.labels import IGNORE
from clothseg.loss import cross_entropy


def value_and_gradient(logits, target):
    z = torch.tensor(np.asarray(logits, np.float64), requires_grad=True)
    mask = torch.tensor(target.astype(np.int64))
    batch = {"mask": mask, "pixels": (mask != IGNORE).sum().clamp(min=1)}
    terms = cross_entropy()({"logits": z}, batch)
    total = sum(terms.values())
    total.backward()
    return total.item(), z.grad.numpy()


def test_cross_entropy_equals_the_independent_values(oracles):
    data = np.load(oracles / "metrics" / "losses.npz")
    cases = sorted({key.split("/")[0] for key in data if key.endswith("/expect/ce")})
    assert len(cases) >= 5
    for case in cases:
        value, gradient = value_and_gradient(data[f"{case}/logits"], data[f"{case}/target"])
        assert value == pytest.approx(float(data[f"{case}/expect/ce"]), rel=1e-5, abs=1e-6), case
        assert np.isfinite(gradient).all()


def test_cross_entropy_has_the_gradient_of_its_closed_form(oracles):
    """The gradient at a valid pixel is (softmax - one-hot) / number of valid pixels."""
    data = np.load(oracles / "metrics" / "losses.npz")
    for case in ("tiny_grad", "large_logits"):
        logits, target = data[f"{case}/logits"].astype(np.float64), data[f"{case}/target"]
        _, gradient = value_and_gradient(logits, target)
        probability = np.exp(logits - logits.max(1, keepdims=True))
        probability /= probability.sum(1, keepdims=True)
        valid = target != IGNORE
        one_hot = np.moveaxis(np.eye(logits.shape[1])[np.where(valid, target, 0)], -1, 1)
        expected = (probability - one_hot) * valid[:, None] / valid.sum()
        assert gradient == pytest.approx(expected, abs=1e-6)


def test_ignored_pixels_change_nothing():
    random = np.random.default_rng(0)
    logits, target = random.normal(size=(2, 5, 6, 7)), random.integers(0, 5, (2, 6, 7))
    target[0, :3] = IGNORE
    value, gradient = value_and_gradient(logits, target)
    z = torch.tensor(logits).movedim(1, -1)[torch.tensor(target != IGNORE)]
    expected = -z.log_softmax(-1)[torch.arange(len(z)), torch.tensor(target[target != IGNORE])]
    assert value == pytest.approx(float(expected.mean()), rel=1e-5)
    assert not gradient[0, :, :3].any()


def test_a_batch_without_a_valid_pixel_gives_zero_with_a_live_gradient():
    value, gradient = value_and_gradient(np.ones((1, 3, 2, 2)), np.full((1, 2, 2), IGNORE))
    assert value == 0
    assert not gradient.any()


def test_half_precision_is_finite_at_large_logits():
    logits = torch.tensor([[100.0, -100.0]]).view(1, 2, 1, 1).half()
    batch = {"mask": torch.ones(1, 1, 1, dtype=torch.int64), "pixels": 1}
    loss = cross_entropy()({"logits": logits}, batch)
    assert loss["cross_entropy"].item() == 200
