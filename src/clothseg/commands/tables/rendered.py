"""Result of rendering a table or a figure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clothseg.report.document import Document
from clothseg.run.demand import Demand


@dataclass(frozen=True)
class Place:
    """Table that is rendered.

    Args:
        name: file of `conf/table`, such as `inacio2019/table2`.
        title: paper and number.
        path: the files to write, without their suffix.
    """

    name: str
    title: str
    path: Path


@dataclass(frozen=True)
class Rendered:
    """Document of a table, and what it lacks.

    Args:
        document: the document.
        csv: its cells for a spreadsheet; empty for a figure.
        missing: demands that lack runs.
        budget: the budget of its runs.
        commands: arguments of `scripts/dataset.py` that count or draw what is missing.
        drawings: pictures that are missing, though their runs are finished.
    """

    document: Document
    csv: bytes = b""
    missing: Sequence[Demand] = ()
    budget: str = "full"
    commands: Sequence[Sequence[str]] = ()
    drawings: Sequence[Callable[[], None]] = ()
