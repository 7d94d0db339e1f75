"""Paths of learning curves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clothseg.report.mean_curves import MeanCurve
from clothseg.report.page.charts import MAX_TOGETHER, chart, ticks

KEY = "val/mean_iou"


def curve(*mean, std=None):
    spread = np.full(len(mean), np.nan) if std is None else np.array(std, float)
    return MeanCurve(np.arange(1, len(mean) + 1), np.array(mean, float), spread, 2)


def points(path):
    """Points of a path, float [n,2]."""
    return np.array([pair.split(",") for pair in path.strip("MZ").split(" ")], float)


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.integers(2, 8))
def test_ticks_enclose_their_range_in_even_steps(low, span, number):
    found = ticks(low, low + span, number)
    assert found[0] <= low + 1e-6 * span
    assert found[-1] >= low + span - 1e-6 * span
    assert 2 <= len(found) <= number + 2
    assert np.diff(found) == pytest.approx(np.full(len(found) - 1, found[1] - found[0]))


def test_there_are_two_ticks_for_a_range_without_extent():
    for value in (0.0, 3.0, -2.0):
        found = ticks(value, value, 3)
        assert found[0] <= value <= found[-1]
        assert len(found) >= 2


def test_the_mean_lies_between_the_edges_of_its_band():
    found = chart([curve(20, 60, 40, std=[5, 10, 5])], KEY)
    (line,) = found.lines
    mean, band = points(line.mean), points(line.band)
    assert mean[:, 0] == pytest.approx([0, found.width / 2, found.width])
    upper, lower = band[:3], band[3:][::-1]
    assert (upper[:, 1] < mean[:, 1]).all()  # y grows downwards
    assert (lower[:, 1] > mean[:, 1]).all()
    assert ((band[:, 1] >= 0) & (band[:, 1] <= found.height)).all()


def test_values_are_where_the_ticks_say():
    found = chart([curve(20, 60)], KEY)
    places = {text: place for place, text in found.y_ticks}
    assert points(found.lines[0].mean)[:, 1] == pytest.approx([places["20"], places["60"]], abs=0.1)


def test_bands_of_percentages_end_at_0_and_100():
    found = chart([curve(99, 1, std=[5, 5])], KEY)
    assert {text for _, text in found.y_ticks} >= {"0", "100"}


def test_many_configurations_have_a_small_chart_each():
    assert chart([curve(1, 2)] * MAX_TOGETHER, KEY).together
    assert not chart([curve(1, 2)] * (MAX_TOGETHER + 1), KEY).together


def test_a_single_epoch_is_a_point_and_long_curves_have_few_points():
    assert chart([curve(50)], KEY).lines[0].point is not None
    found = chart([curve(*np.linspace(0, 90, 1000))], KEY)
    drawn = points(found.lines[0].mean)
    assert len(drawn) <= 200
    assert drawn[[0, -1], 0] == pytest.approx([0, found.width])


def test_configurations_without_a_curve_keep_their_numbers():
    assert chart([None], KEY) is None
    found = chart([None, curve(1, 2)], KEY)
    assert [line.number for line in found.lines] == [1]
