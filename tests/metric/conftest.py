"""Reference values of the metrics, one file per case."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from support.answers import METRIC_CASES, MetricCase, metric_case


@pytest.fixture(params=METRIC_CASES)
def case(request: pytest.FixtureRequest) -> MetricCase:
    """Return each reference case in turn."""
    return metric_case(request.param)


@pytest.fixture
def noisy_case() -> MetricCase:
    """Return six real masks of 15 classes with large errors and ignored edges."""
    return metric_case("ccp15_ignore_edges")


@pytest.fixture
def close() -> Callable[[object, object], None]:
    """Return a comparison of scores with tolerance 1e-9 that treats NaN as equal."""
    return partial(np.testing.assert_allclose, rtol=0, atol=1e-9, equal_nan=True)
