"""Fixtures of the tests of figures."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from matplotlib.figure import Figure

from clothseg.report import canvas


@pytest.fixture
def saved_from(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType], list[Figure]]:
    """Function that collects the figures that a module saves, still with their artists."""

    def collect(module: ModuleType) -> list[Figure]:
        saved: list[Figure] = []

        def save(figure: Figure, path: Path) -> None:
            saved.append(figure)
            canvas.save_figure(figure, path)

        monkeypatch.setattr(module, "save_figure", save)
        return saved

    return collect
