"""Versions, commit and machine of a run."""

import platform
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from clothseg import __version__
from clothseg.shipped import CONF

Plain = dict[str, Any]

CHECKOUT = CONF.parent
"""Root of the checkout; meaningless if the package is installed."""

LIBRARIES = (
    "torch",
    "pytorch-lightning",
    "segmentation-models-pytorch",
    "timm",
    "albumentations",
    "opencv-python-headless",
    "numpy",
    "iterative-stratification",
)


def environment(code: Mapping[str, Any] | None = None) -> Plain:
    """Collect library versions, the commit of the code, and the machine.

    Args:
        code: result of :func:`code_version` if it is already known.
    """
    versions: dict[str, str | None] = {}
    for library in LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            versions[library] = None
    return {
        "clothseg": __version__,
        "python": sys.version.split()[0],
        "versions": versions,
        **(code or code_version()),
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
    }


@cache
def code_version() -> Plain:
    """Commit of this repository and whether it has uncommitted changes; None without git.

    Files in outputs/ are ignored, because they are results. Git is asked once per process.
    """
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--", ":/", ":!/outputs")
    return {"commit": commit or None, "dirty": None if changes is None else bool(changes)}


def _git(*arguments: str) -> str | None:
    """Output of a git command in the checkout; None for an installed package or on failure."""
    if not (CHECKOUT / ".git").exists():
        return None
    command = ["git", "-C", str(CHECKOUT), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
