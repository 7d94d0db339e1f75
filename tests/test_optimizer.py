"""Optimizers: the first step equals a hand calculation."""

import pytest
import torch

from clothseg.config.command_line import check_command
from clothseg.error import ConfigError
from clothseg.shipped import options

pytestmark = pytest.mark.slow(seconds=1)  # many tests of a second or less


def step(option, *overrides, gradient=2.0, start=1.0):
    """Return the value of a parameter after one step with a known gradient."""
    changes = ["optimizer.lr=0.1", "optimizer.backbone_rate=1", *overrides]
    (job,) = check_command([f"optimizer={option}", *changes])
    weight = torch.nn.Parameter(torch.tensor([start], dtype=torch.float64))
    optimizer = job.config.optimizer.given([], [weight])
    weight.grad = torch.full_like(weight, gradient)
    optimizer.step()
    return weight.item()


@pytest.mark.parametrize(
    ("option", "overrides", "expected"),
    [
        ("sgd", [], 1 - 0.1 * 2),
        ("sgd", ["optimizer.weight_decay=0.5"], 1 - 0.1 * (2 + 0.5)),
        ("sgd", ["optimizer.nesterov=true"], 1 - 0.1 * (2 + 0.9 * 2)),
        ("adam", [], 1 - 0.1),  # the first step of Adam does not depend on the gradient's magnitude
        ("adamw", ["optimizer.weight_decay=0.5"], 1 - 0.1 * 0.5 - 0.1),
        ("rmsprop", [], 1 - 0.1 * 2 / (0.01 * 4) ** 0.5),
    ],
)
def test_first_step(option, overrides, expected):
    assert step(option, *overrides) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("option", options("optimizer"))
def test_every_optimizer_steps_against_the_gradient(option):
    assert step(option) < 1
    assert step(option, gradient=-2.0) > 1 - 0.01


@pytest.mark.parametrize("option", options("optimizer"))
def test_the_backbone_has_a_learning_rate_of_its_own(option):
    (job,) = check_command(
        [f"optimizer={option}", "optimizer.lr=0.1", "optimizer.backbone_rate=0.2"]
    )
    head, body = (torch.nn.Parameter(torch.ones(n)) for n in (1, 2))
    optimizer = job.config.optimizer.given([body], [body, head])
    found = [(group["lr"], group["params"]) for group in optimizer.param_groups]
    assert found == [(0.1, [head]), (pytest.approx(0.02), [body])]


def test_equal_rates_need_no_groups():
    (job,) = check_command(["optimizer=sgd"])
    head, body = (torch.nn.Parameter(torch.ones(n)) for n in (1, 2))
    (group,) = job.config.optimizer.given([body], [body, head]).param_groups
    assert group["params"] == [body, head]


def test_a_rate_without_a_backbone_is_refused():
    (job,) = check_command(["optimizer=detr"])
    with pytest.raises(ConfigError, match=r"backbone_rate=0\.1: this network has no backbone"):
        job.config.optimizer.given([], [torch.nn.Parameter(torch.ones(1))])
