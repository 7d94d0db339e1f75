"""Fixtures shared by every test."""

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"


@pytest.fixture(scope="session")
def oracles() -> Path:
    """The folder of independently computed answers, kept beside the repository."""
    folder = SHARED / "oracles"
    if not folder.is_dir():
        pytest.skip("the independent answers (../shared/oracles) are not on this machine")
    return folder


@pytest.fixture(scope="session")
def ccp_root() -> Path:
    """The real Clothing Co-Parsing photos, kept beside the repository."""
    folder = SHARED / "datasets" / "clothing-co-parsing"
    if not folder.is_dir():
        pytest.skip("the CCP photos (../shared/datasets/clothing-co-parsing) are not on this machine")
    return folder
