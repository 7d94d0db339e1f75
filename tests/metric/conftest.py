"""Reference values of the metrics, one file per case."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support.metric_answers import CASES, Case, assert_close, read_case


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, oracles: Path) -> Case:
    """Return each reference case in turn."""
    return read_case(oracles, request.param)


@pytest.fixture
def noisy_case(oracles: Path) -> Case:
    """Return six real masks of 15 classes with large errors and ignored edges."""
    return read_case(oracles, "ccp15_ignore_edges")


@pytest.fixture
def close() -> Callable[[object, object], None]:
    """Return a comparison of scores with tolerance 1e-9 that treats NaN as equal."""
    return assert_close
