"""Tables of the statistics of a dataset."""

from collections.abc import Mapping
from typing import Any

from clothseg.commands.tables.counted import Counted
from clothseg.commands.tables.marks import Marks
from clothseg.commands.tables.notes import deviations
from clothseg.commands.tables.rendered import Place, Rendered
from clothseg.commands.tables.shelf import Search, Shelf
from clothseg.config.table.cell import SCALES
from clothseg.config.table.file import Counted as CountedColumn
from clothseg.config.table.file import StatisticsTable
from clothseg.report.beside_paper import Beside, Cell
from clothseg.report.document import Document, Note


def render(table: StatisticsTable, place: Place, shelf: Shelf) -> Rendered:
    """Fill the cells of a table from the statistics of its dataset.

    Raises:
        ConfigError: a deviation of the command does not fit the experiment.
    """
    search = None
    if table.experiment:
        search = shelf.search([shelf.demand(table.experiment, (), (0,), table.shrunk)])
    run = search.runs[0] if search and search.runs else None
    counted = Counted.of(table.dataset, shelf, run.folder if run else None)
    marks = Marks.of(table.footnotes)
    content, mark, commands = _content(counted, search, shelf, marks)
    cells = [
        [
            _cell(row.class_name or row.name, column, printed, content, mark)
            for column, printed in zip(table.columns, row.printed, strict=True)
        ]
        for row in table.rows
    ]
    headings = [column.heading for column in table.columns]
    beside = Beside(headings, [row.name for row in table.rows], cells)
    notes = [*marks.notes, *([Note(counted.note(content))] if content else [])]
    changed = deviations(search, shelf) if search and content else ""
    caption = " ".join(filter(None, [f"{table.caption}.", changed]))
    document = Document(place.title, caption, beside.grid, notes=notes)
    missing = search.missing if search else ()
    budget = search.budget if search else "full"
    return Rendered(document, beside.csv(), missing, budget, commands)


def _content(
    counted: Counted, search: Search | None, shelf: Shelf, marks: Marks
) -> tuple[Mapping[str, Any] | None, list[str], list[Any]]:
    """Statistics if they are those of the run, else the mark and the arguments of what counts."""
    if search is None:
        content = counted.read()
        if content is not None:
            return content, [], []
        return None, [marks.command("", counted.command())], [counted.words()]
    if search.missing:
        (demand,) = search.missing
        found = search.found.get(demand)
        command = shelf.command(demand, search.budget)
        reason = found.state if found else ""
        why = "the split is that of a run, whose statistics are counted afterwards"
        return None, [marks.command("; ".join(filter(None, [reason, why])), command)], []
    run = search.runs[0]
    fingerprint = str(run.environment.get("dataset_fingerprint"))
    if problem := counted.problem(fingerprint, run.metrics["division"]):
        return None, [marks.command(problem, counted.command())], [counted.words()]
    return counted.read(), [], []


def _cell(
    name: str,
    column: CountedColumn,
    printed: float | None,
    content: Mapping[str, Any] | None,
    marks: list[str],
) -> Cell:
    scale, unit = SCALES[column.unit], column.unit
    if content is None:
        return Cell(None, printed, scale, column.decimals, unit, marks=marks)
    rows = content["classes"]
    if column.subset:
        rows = content.get("classes_by_subset", {}).get(column.subset, [])
    values = {row["name"]: row.get(column.quantity) for row in rows}
    ours = {"mean": values.get(name), "std": None, "n": 1}
    return Cell(ours, printed, scale, column.decimals, unit)
