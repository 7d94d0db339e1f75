"""Tables of configurations for papers and spreadsheets: CSV, Markdown and LaTeX."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clothseg.files import csv_bytes
from clothseg.metric.names import Score
from clothseg.report.markup import latex, markdown, one_line

Summary = Mapping[str, Any]
"""`mean` and `std` of a quantity over repetitions, `low` and `high` of its interval; None if
undefined."""


@dataclass(frozen=True)
class Quantity:
    """Quantity of a column.

    Args:
        name: name in a CSV file, which has unscaled values.
        heading: heading in a paper.
        scale: factor by which values are multiplied in a paper.
        decimals: number of decimals in a paper.
        deviates: False if it is the same in all repetitions, and so has no standard deviation.
    """

    name: str
    heading: str
    scale: float = 1.0
    decimals: int = 1
    deviates: bool = True

    @property
    def columns(self) -> dict[str, str]:
        """Columns of a CSV file: name, and key of a summary."""
        if not self.deviates:
            return {self.name: "mean"}
        return {f"{self.name}_{key}": key for key in ("mean", "std")}

    @classmethod
    def of(cls, score: Score, name: str = "", heading: str = "") -> "Quantity":
        """Create the quantity of a score: fractions are shown in percent, to one decimal."""
        scale, decimals = (100.0, 1) if score.fraction else (1.0, 3)
        return cls(name or score.name, heading or score.heading, scale, decimals)

    def shown(self, summary: Summary, plus_minus: str) -> str:
        """Format a value for a paper.

        Args:
            summary: the value.
            plus_minus: sign between mean and standard deviation.
        """
        return f" {plus_minus} ".join(self._texts(summary)) or "-"

    def _texts(self, summary: Summary) -> list[str]:
        numbers = [summary[key] for key in self.columns.values() if summary[key] is not None]
        return [f"{self.scale * number:z.{self.decimals}f}" for number in numbers]


@dataclass(frozen=True)
class Interval(Quantity):
    """Confidence interval of the quantity of the same name, `low` to `high`."""

    @property
    def columns(self) -> dict[str, str]:
        """Columns of a CSV file: name, and key of a summary."""
        return {f"{self.name}_{key}": key for key in ("low", "high")}

    def shown(self, summary: Summary, plus_minus: str) -> str:
        """Format the limits; arguments as for a quantity."""
        return f"[{limits}]" if (limits := ", ".join(self._texts(summary))) else "-"


@dataclass(frozen=True)
class Line:
    """Configuration in a table.

    Args:
        name: options in which it differs from the others.
        folds: number of folds; 1 for a split without folds.
        seeds: number of seeds.
        values: quantities by name.
        is_best: True if it is marked as the best.
        is_suspect: True if its scores are doubtful.
    """

    name: str
    folds: int
    seeds: int
    values: Mapping[str, Summary]
    is_best: bool
    is_suspect: bool


@dataclass(frozen=True)
class PaperTable:
    """Configurations and their quantities.

    Args:
        quantities: the columns.
        lines: the rows.
        caption: units, repetitions and meaning of bold rows, in words.
    """

    quantities: Sequence[Quantity]
    lines: Sequence[Line]
    caption: str

    @property
    def headings(self) -> list[str]:
        """Headings in a paper."""
        return ["config", "folds", "seeds", *(one.heading for one in self.quantities)]

    def cells(self, line: Line, plus_minus: str) -> list[str]:
        """Format a row for a paper; undefined values are dashes, a single value has no deviation.

        Args:
            line: the row, whose name is left out.
            plus_minus: sign between mean and standard deviation.
        """
        values = [one.shown(line.values[one.name], plus_minus) for one in self.quantities]
        return [str(line.folds), str(line.seeds), *values]


def csv_table(table: PaperTable) -> bytes:
    """Encode as CSV with mean and standard deviation in columns of their own.

    Values have full precision and no scale: scores are 0 to 1. `best` and `suspect` are 0 or 1.
    """
    names = [name for one in table.quantities for name in one.columns]
    rows = [
        [line.name, line.folds, line.seeds]
        + [line.values[one.name][key] for one in table.quantities for key in one.columns.values()]
        + [int(line.is_best), int(line.is_suspect)]
        for line in table.lines
    ]
    return csv_bytes(["config", "folds", "seeds", *names, "best", "suspect"], rows)


def markdown_table(table: PaperTable) -> bytes:
    """Encode as a table of GitHub's Markdown; the best rows are bold."""
    rows = [_row(table.headings, markdown), f"|---|{'---:|' * (len(table.headings) - 1)}"]
    for line in table.lines:
        cells = [markdown(_label(line)), *table.cells(line, "±")]
        rows.append(_row([f"**{cell}**" for cell in cells] if line.is_best else cells))
    return "\n".join([*rows, "", f"{markdown(table.caption)}.", ""]).encode()


def latex_table(table: PaperTable) -> bytes:
    r"""Encode as a `tabular` of LaTeX with the rules of booktabs; the best rows are bold."""
    rows = []
    for line in table.lines:
        cells = [latex(_label(line)), *table.cells(line, r"$\pm$")]
        bold = [rf"\textbf{{{cell}}}" for cell in cells]
        rows.append(" & ".join(bold if line.is_best else cells) + r" \\")
    headings = " & ".join(map(latex, table.headings))
    return "\n".join(
        [
            rf"% \usepackage{{booktabs}}. {one_line(table.caption)}.",
            rf"\begin{{tabular}}{{l{'r' * (len(table.headings) - 1)}}}",
            r"\toprule",
            rf"{headings} \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    ).encode()


def _label(line: Line) -> str:
    return f"{line.name} (suspect)" if line.is_suspect else line.name


def _row(cells: Sequence[str], escape: Callable[[str], str] = str) -> str:
    return f"| {' | '.join(map(escape, cells))} |"
