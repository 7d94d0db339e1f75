"""Folders that tests read from."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared"
"""Real images and the originals of the independent answers, kept beside the repository."""
