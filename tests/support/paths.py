"""Folders from which tests read."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared"
"""Real images and large reference files, next to the repository."""
