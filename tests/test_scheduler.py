"""Learning rate schedules follow their formulas."""

import math

import pytest
import torch

from clothseg.config.command_line import check_command


def rates(option, *overrides, steps=20, losses=None):
    """Record the learning rate before each step, starting from 1, and return the schedule."""
    (job,) = check_command([f"scheduler={option}", *overrides])
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = job.config.scheduler(optimizer, steps)
    recorded = []
    for step in range(steps):
        recorded.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if schedule is not None:
            schedule["scheduler"].step(*([] if losses is None else [losses[step]]))
    return recorded, schedule


def test_none_returns_no_schedule():
    (job,) = check_command(["scheduler=none"])
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    assert job.config.scheduler(optimizer, 5) is None


def test_exponential_multiplies_every_epoch():
    recorded, schedule = rates("exponential", "scheduler.gamma=0.5", steps=4)
    assert recorded == [1, 0.5, 0.25, 0.125]
    assert schedule["interval"] == "epoch"


def test_multistep_multiplies_at_its_milestones():
    overrides = ("scheduler.milestones=[2,3]", "scheduler.gamma=0.1")
    assert rates("multistep", *overrides, steps=5)[0] == pytest.approx([1, 1, 0.1, 0.01, 0.01])


def test_onecycle_rises_to_the_peak_and_falls_along_a_cosine():
    recorded, schedule = rates("onecycle", "scheduler.warmup=0.25", steps=20)
    assert schedule["interval"] == "step"
    assert recorded[0] == pytest.approx(1 / 25)
    assert max(recorded) == pytest.approx(1)
    peak = recorded.index(max(recorded))
    assert peak == 4
    for step in range(peak, 20):
        fraction = (step - peak) / (19 - peak)
        low = 1 / 25 / 10000
        assert recorded[step] == pytest.approx(
            low + (1 - low) * (1 + math.cos(math.pi * fraction)) / 2
        )


def test_plateau_lowers_the_rate_after_its_patience():
    losses = [5, 4, 4, 4, 4, 3, 3]
    overrides = ("scheduler.factor=0.1", "scheduler.patience=2")
    recorded, schedule = rates("plateau", *overrides, steps=7, losses=losses)
    assert recorded == pytest.approx([1, 1, 1, 1, 1, 0.1, 0.1])
    assert schedule["monitor"] == "val/loss"


def test_inverse_time_divides_by_one_plus_decay_times_step():
    recorded, schedule = rates("inverse_time", "scheduler.decay=0.1")
    assert recorded == pytest.approx([1 / (1 + 0.1 * step) for step in range(20)])
    assert schedule["interval"] == "step"
