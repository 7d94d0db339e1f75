"""Means that exclude undefined scores."""

import numpy as np
import pytest

from clothseg.metric.average import image_mean, nan_mean

ROWS = np.array([[0.5, np.nan, 0.0], [1.0, np.nan, np.nan], [np.nan, np.nan, 0.6]])
IN_TARGET = np.array([[True, False, False], [True, False, False], [False, False, True]])


def test_nan_mean_excludes_undefined_values():
    np.testing.assert_array_equal(nan_mean(ROWS, axis=0), [0.75, np.nan, 0.3])
    assert nan_mean(ROWS) == pytest.approx(2.1 / 4)


def test_nan_mean_of_nothing_is_undefined():
    assert np.isnan(nan_mean(np.array([np.nan])))
    np.testing.assert_array_equal(nan_mean(np.empty((0, 2)), axis=0), [np.nan, np.nan])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("union", [0.75, np.nan, 0.3]),
        ("gt", [0.75, np.nan, 0.6]),
        ("one", [2.5 / 3, 1.0, 1.6 / 3]),
    ],
)
def test_rules_for_images_without_the_class(rule, expected):
    np.testing.assert_allclose(image_mean(ROWS, IN_TARGET, rule), expected, rtol=1e-15)


def test_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="union, gt, one"):
        image_mean(ROWS, IN_TARGET, "zero")


@pytest.mark.parametrize("rule", ["union", "gt", "one"])
def test_oracle_means_over_images(case, close, rule):
    in_target = case.expect("image_in_gt")
    iou = image_mean(case.expect("image_iou"), in_target, rule)
    close(iou, case.expect(f"eq9_iou_{rule}"))
    close(nan_mean(iou), case.expect(f"eq10_miou_{rule}"))
    plus = image_mean(case.expect("ss_c8_min"), in_target, rule)
    close(plus, case.expect(f"eq13_iouplus_c8_min_{rule}"))
    close(nan_mean(plus), case.expect(f"eq14_miouplus_c8_min_{rule}"))
