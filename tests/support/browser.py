"""Chromium for tests of pages, if it is installed."""

import shutil
from contextlib import contextmanager

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium():
    """Yield a headless browser; skip the tests where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = [path for name in NAMES if (path := shutil.which(name))]
    if not found:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with api.sync_playwright() as playwright:
        # Tests may run as root, for whom Chromium has no sandbox.
        browser = playwright.chromium.launch(executable_path=found[0], args=["--no-sandbox"])
        yield browser
        browser.close()
