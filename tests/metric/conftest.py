"""Independent answers of the metrics, one bundle per case."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from support.answers import METRIC_CASES, MetricCase, metric_case


@pytest.fixture(params=METRIC_CASES)
def case(request: pytest.FixtureRequest) -> MetricCase:
    """Each case of the independent answers in turn."""
    return metric_case(request.param)


@pytest.fixture
def noisy_case() -> MetricCase:
    """Six real masks of 15 classes with strong errors and ignored edges."""
    return metric_case("ccp15_ignore_edges")


@pytest.fixture
def close() -> Callable[[object, object], None]:
    """Compare scores to 1e-9, NaN where NaN is expected."""
    return partial(np.testing.assert_allclose, rtol=0, atol=1e-9, equal_nan=True)
