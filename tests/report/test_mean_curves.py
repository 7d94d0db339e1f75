"""Mean and deviation of learning curves."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clothseg.report.mean_curves import mean_curve

KEY = "val/mean_iou"


def history(*values):
    return [{"epoch": epoch, KEY: value} for epoch, value in enumerate(values, start=1)]


def test_mean_and_deviation_are_over_runs_in_percent():
    curve = mean_curve([history(0.1, 0.4), history(0.3, 0.8)], KEY)
    assert curve.epochs.tolist() == [1, 2]
    assert curve.mean == pytest.approx([20, 60])
    assert curve.std == pytest.approx([statistics.stdev([10, 30]), statistics.stdev([40, 80])])
    assert curve.low == pytest.approx(curve.mean - curve.std)
    assert curve.high == pytest.approx(curve.mean + curve.std)
    assert curve.runs == 2


def test_a_loss_is_no_percentage():
    assert mean_curve([[{"epoch": 1, "val/loss": 0.5}]], "val/loss").mean.tolist() == [0.5]


def test_a_single_run_has_no_deviation_and_no_band():
    curve = mean_curve([history(0.1, 0.2)], KEY)
    assert np.isnan(curve.std).all()
    assert curve.low.tolist() == curve.mean.tolist() == curve.high.tolist()


def test_the_mean_ends_where_fewer_than_half_of_the_runs_are_left():
    runs = [history(0.1), history(0.1, 0.2), history(0.1, 0.2, 0.3), history(0.1, 0.4, 0.5, 0.9)]
    curve = mean_curve(runs, KEY)
    assert curve.epochs.tolist() == [1, 2, 3]  # of epoch 4 there is one of four
    assert curve.mean == pytest.approx([10, 100 * 0.8 / 3, 40])


def test_undefined_values_are_left_out():
    curve = mean_curve([history(0.1, math.nan, 0.3), history(0.5, math.inf, 0.7)], KEY)
    assert curve.epochs.tolist() == [1, 3]
    assert curve.mean == pytest.approx([30, 50])


@pytest.mark.parametrize("runs", [[], [[]], [history(math.nan)], [[{"epoch": 1}]]])
def test_there_is_no_curve_without_values(runs):
    assert mean_curve(runs, KEY) is None


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=6), min_size=1, max_size=5))
def test_the_mean_is_between_the_lowest_and_the_highest_run(values):
    curve = mean_curve([history(*one) for one in values], KEY)
    for epoch, mean in zip(curve.epochs, curve.mean, strict=True):
        reached = [100 * one[epoch - 1] for one in values if len(one) >= epoch]
        assert min(reached) - 1e-9 <= mean <= max(reached) + 1e-9
        assert 2 * len(reached) >= len(values)
