"""Our numbers beside those of a paper: arithmetic, emphasis and layout of their cells."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from clothseg.files import csv_bytes
from clothseg.report.document import Grid, Text

Summary = Mapping[str, float | None]
"""`mean`, `std` and `n` of a value over repetitions; None if undefined."""

MISSING, REFUSED, UNDEFINED = "missing", "refused", "undefined"
"""Texts of cells without a number: no run, only runs that do not count, no such score."""

MAX_BESIDE = 4
"""Most columns whose numbers stand side by side; those of more stand in lines below each other."""

KINDS = ("ours", "paper", "difference")

Place = tuple[int, int]
"""Indices of the row and the column of a cell."""
Line = tuple[Place, ...]


@dataclass(frozen=True)
class Cell:
    """Our value and that of a paper.

    Args:
        ours: our value in recorded units; None without runs.
        printed: the number that the paper prints; None if it prints none.
        scale: factor from the recorded to the printed unit.
        decimals: decimals of all numbers.
        unit: the printed unit.
        lower_is_better: direction of improvement.
        state: reason for the lack of a number, such as :data:`MISSING`.
        marks: marks of notes about our value.
        printed_marks: marks of notes about the paper's.
        command: command that fills the cell.
        runs: folders of its runs.
    """

    ours: Summary | None
    printed: float | None
    scale: float = 1.0
    decimals: int = 1
    unit: str = ""
    lower_is_better: bool = False
    state: str = MISSING
    marks: Sequence[str] = ()
    printed_marks: Sequence[str] = ()
    command: str = ""
    runs: Sequence[str] = field(default_factory=list)

    def number(self, key: str) -> float | None:
        """Mean or standard deviation in the printed unit; None if undefined."""
        value = self.ours.get(key) if self.ours else None
        return None if value is None else self.scale * value

    @property
    def difference(self) -> float | None:
        """Our mean minus the paper's number, in the printed unit."""
        mean = self.number("mean")
        return None if mean is None or self.printed is None else mean - self.printed

    def texts(self, bold: bool) -> list[Text]:
        """Format our value, the paper's, and the difference."""
        mean, std = self.number("mean"), self.number("std")
        if mean is None:
            ours = Text(UNDEFINED if self.ours else self.state, self.marks)
        else:
            deviation = "" if std is None else f" ± {std:.{self.decimals}f}"
            ours = Text(f"{mean:.{self.decimals}f}{deviation}", self.marks, bold)
        printed = "" if self.printed is None else f"{self.printed:.{self.decimals}f}"
        gap = self.difference
        difference = "" if gap is None else _signed(gap, self.decimals)
        return [ours, Text(printed, self.printed_marks), Text(difference)]


def _signed(value: float, decimals: int) -> str:
    """Write a number with its sign; what rounds to zero has none."""
    text = f"{value:+.{decimals}f}"
    return text if any(digit in text for digit in "123456789") else text[1:]


@dataclass(frozen=True)
class Beside:
    """Table of numbers.

    Args:
        columns: headings.
        rows: names.
        cells: cells of each row.
        best: cells among which the best of ours is bold: those of a row, or of a column.
        column_marks: marks of notes about a column.
        row_marks: marks of notes about a row.
        untold: places that a test cannot tell from the best of their line, and the best, by the
            places of the line; the others are not bold.
    """

    columns: Sequence[str]
    rows: Sequence[str]
    cells: Sequence[Sequence[Cell]]
    best: Literal["row", "column"] | None = None
    column_marks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    row_marks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    untold: Mapping[Line, Collection[Place]] = field(default_factory=dict)

    @property
    def lines(self) -> list[Line]:
        """Places of the cells among which the best is bold: rows, columns, or none."""
        if self.best is None:
            return []
        rows = [tuple((r, c) for c in range(len(self.columns))) for r in range(len(self.rows))]
        return rows if self.best == "row" else list(zip(*rows, strict=True))

    @property
    def bold(self) -> set[Place]:
        """Places of the best cells; without a test, ties after rounding are all the best."""
        return {
            place
            for line in self.lines
            for place in (self.untold[line] if line in self.untold else self._best_of(line))
        }

    def _best_of(self, line: Line) -> list[Place]:
        rounded = {}
        for row, column in line:
            cell = self.cells[row][column]
            if (mean := cell.number("mean")) is not None:
                rounded[row, column] = round(mean, cell.decimals)
        if len(set(rounded.values())) < 2:
            return []  # none is better than another
        first = next(iter(rounded))
        lower = self.cells[first[0]][first[1]].lower_is_better
        top = (min if lower else max)(rounded.values())
        return [place for place, value in rounded.items() if value == top]

    @property
    def grid(self) -> Grid:
        """Layout for a document; without a printed number there is no room for the paper's."""
        printed = any(cell.printed is not None for row in self.cells for cell in row)
        kinds = KINDS if printed else KINDS[:1]
        bold = self.bold
        texts = [
            [cell.texts((r, c) in bold)[: len(kinds)] for c, cell in enumerate(row)]
            for r, row in enumerate(self.cells)
        ]
        names = [Text(name, self.row_marks.get(name, ())) for name in self.rows]
        if len(self.columns) > MAX_BESIDE and printed:
            headings = [Text(""), Text(""), *map(self._heading, self.columns)]
            lines = [
                [name if k == 0 else Text(""), Text(kind), *(cell[k] for cell in row)]
                for name, row in zip(names, texts, strict=True)
                for k, kind in enumerate(kinds)
            ]
            return Grid(headings, lines, left=2, groups=len(kinds))
        headings = [Text("")]
        for column in self.columns:
            headings += [self._heading(column), *map(Text, kinds[1:])]
        flat = [[text for cell in row for text in cell] for row in texts]
        return Grid(headings, [[name, *row] for name, row in zip(names, flat, strict=True)])

    def _heading(self, name: str) -> Text:
        return Text(name, self.column_marks.get(name, ()))

    def csv(self) -> bytes:
        """Encode as CSV: a line for each cell, in the printed unit with all digits."""
        header = ["row", "column", "unit", "ours_mean", "ours_std", "repetitions", "paper"]
        header += ["difference", "state", "command", "runs"]
        lines: list[list[Any]] = []
        for row, cells in zip(self.rows, self.cells, strict=True):
            for column, cell in zip(self.columns, cells, strict=True):
                numbers = [cell.number("mean"), cell.number("std")]
                filled = numbers[0] is not None
                state = "filled" if filled else UNDEFINED if cell.ours else cell.state
                ours = [row, column, cell.unit, *numbers, (cell.ours or {}).get("n")]
                others = [cell.printed, cell.difference, state, cell.command, " ".join(cell.runs)]
                lines.append([*ours, *others])
        return csv_bytes(header, lines)
