"""Documents with a table or pictures, remarks, and commands: Markdown and LaTeX."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from clothseg.files import csv_bytes
from clothseg.report.markup import latex, markdown, markdown_code


@dataclass(frozen=True)
class Text:
    """Text of a cell.

    Args:
        text: the text.
        marks: marks of the notes that belong to it.
        bold: True to emphasize it.
    """

    text: str
    marks: Sequence[str] = ()
    bold: bool = False


@dataclass(frozen=True)
class Grid:
    """Cells in rows and columns.

    Args:
        headings: headings of the columns.
        lines: cells of each row.
        left: number of columns that are aligned to the left, the first ones; others to the right.
        groups: number of lines that belong together, between which there is more room.
    """

    headings: Sequence[Text]
    lines: Sequence[Sequence[Text]]
    left: int = 1
    groups: int = 1

    def csv(self) -> bytes:
        """Encode as CSV, without marks."""
        rows = [[cell.text for cell in row] for row in (self.headings, *self.lines)]
        return csv_bytes(rows[0], rows[1:])


@dataclass(frozen=True)
class Note:
    """Remark below a table.

    Args:
        text: the remark, which ends without a period.
        mark: mark of the cells that it belongs to; empty for a remark about the whole.
        command: command line that it recommends.
    """

    text: str
    mark: str = ""
    command: str = ""


@dataclass(frozen=True)
class Picture:
    """Picture beside the document.

    Args:
        file: name of the PNG in the folder of the document.
        caption: its contents.
    """

    file: str
    caption: str


@dataclass(frozen=True)
class Document:
    """Table or figure of a paper.

    Args:
        title: paper and number.
        caption: contents, units and protocol, in sentences.
        grid: the cells; None for a figure.
        pictures: the pictures of a figure.
        notes: remarks, those with a mark first.
    """

    title: str
    caption: str
    grid: Grid | None = None
    pictures: Sequence[Picture] = ()
    notes: Sequence[Note] = field(default_factory=list)


def markdown_document(document: Document) -> bytes:
    """Encode as GitHub's Markdown."""
    lines = [f"## {markdown(document.title)}", "", markdown(document.caption), ""]
    if document.grid:
        lines += [*_markdown_grid(document.grid), ""]
    for picture in document.pictures:
        lines += [f"![{markdown(picture.caption)}]({picture.file})", ""]
        lines += [markdown(picture.caption), ""]
    for note in document.notes:
        mark = f"<sup>{markdown(note.mark)}</sup> " if note.mark else ""
        command = f": {markdown_code(note.command)}" if note.command else "."
        lines.append(f"- {mark}{markdown(note.text)}{command}")
    return ("\n".join(lines).rstrip("\n") + "\n").encode(errors="backslashreplace")


def _markdown_grid(grid: Grid) -> list[str]:
    rule = "".join("---|" if n < grid.left else "---:|" for n in range(len(grid.headings)))
    rows = [grid.headings, *grid.lines]
    texts = [f"| {' | '.join(map(_markdown_cell, row))} |" for row in rows]
    return [texts[0], f"|{rule}", *texts[1:]]


def _markdown_cell(cell: Text) -> str:
    text = markdown(cell.text)
    marks = f"<sup>{markdown(','.join(cell.marks))}</sup>" if cell.marks else ""
    return (f"**{text}**" if cell.bold and text else text) + marks


def latex_document(document: Document) -> bytes:
    r"""Encode as a float of LaTeX, which needs the packages booktabs and graphicx."""
    kind = "table" if document.grid else "figure"
    title = f"{document.title}. {document.caption}"
    lines = [
        r"% \usepackage{booktabs,graphicx}",
        rf"\begin{{{kind}}}",
        r"\centering",
        rf"\caption{{{latex(title)}}}",
    ]
    if document.grid:
        lines += _latex_grid(document.grid)
    for picture in document.pictures:
        lines.append(rf"\includegraphics[width=\linewidth]{{{picture.file}}}\\")
        lines.append(rf"{latex(picture.caption)}\par")
    for note in document.notes:
        mark = rf"\textsuperscript{{{latex(note.mark)}}} " if note.mark else ""
        command = rf": \texttt{{{latex(note.command)}}}" if note.command else "."
        lines.append(rf"{{\footnotesize\raggedright {mark}{latex(note.text)}{command}\par}}")
    return ("\n".join([*lines, rf"\end{{{kind}}}", ""])).encode(errors="backslashreplace")


def _latex_grid(grid: Grid) -> list[str]:
    alignment = "l" * grid.left + "r" * (len(grid.headings) - grid.left)
    rows = [" & ".join(map(_latex_cell, row)) + r" \\" for row in (grid.headings, *grid.lines)]
    body = []
    for number, row in enumerate(rows[1:]):
        if number and grid.groups > 1 and number % grid.groups == 0:
            body.append(r"\addlinespace")
        body.append(row)
    begin, end = rf"\begin{{tabular}}{{{alignment}}}", r"\end{tabular}"
    return [begin, r"\toprule", rows[0], r"\midrule", *body, r"\bottomrule", end, r"\par\smallskip"]


def _latex_cell(cell: Text) -> str:
    text = latex(cell.text)
    marks = rf"\textsuperscript{{{latex(','.join(cell.marks))}}}" if cell.marks else ""
    return (rf"\textbf{{{text}}}" if cell.bold and text else text) + marks
