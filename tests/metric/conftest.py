"""Independent answers of the metrics, one bundle per case."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support.metric_answers import CASES, Case, assert_close, read_case


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, oracles: Path) -> Case:
    """One case of the oracle after the other."""
    return read_case(oracles, request.param)


@pytest.fixture
def noisy_case(oracles: Path) -> Case:
    """Six real masks of 15 classes with strong errors and ignored edges."""
    return read_case(oracles, "ccp15_ignore_edges")


@pytest.fixture
def close() -> Callable[[object, object], None]:
    """Compare scores to 1e-9, NaN where NaN is expected."""
    return assert_close
