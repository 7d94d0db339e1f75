"""Tables of scores and measurements."""

from collections import Counter
from collections.abc import Mapping

from clothseg.commands.tables.emphasis import Filled, emphasize
from clothseg.commands.tables.marks import Marks
from clothseg.commands.tables.notes import decision_notes, protocol, run_notes
from clothseg.commands.tables.rendered import Place, Rendered
from clothseg.commands.tables.shelf import Search, Shelf
from clothseg.config.table.cell import Source
from clothseg.config.table.file import ScoreTable
from clothseg.metric.doubt import doubts
from clothseg.report.beside_paper import MISSING, REFUSED, Beside, Cell
from clothseg.report.document import Document
from clothseg.run.cell_value import summarize
from clothseg.run.demand import Demand, Repeats
from clothseg.run.finished import FinishedRun


def render(table: ScoreTable, place: Place, shelf: Shelf) -> Rendered:
    """Fill the cells of a table.

    Raises:
        ConfigError: a deviation of the command does not fit an experiment.
    """
    sources = {
        (row.name, column.heading): table.source(row, column)
        for row in table.rows
        for column in table.columns
        if column.heading not in row.without
    }
    demands = {place: _demand(source, table, shelf) for place, source in sources.items()}
    search = shelf.search([*demands.values()])
    marks = Marks.of(table.footnotes)
    cells = [
        [
            _cell((row.name, column.heading), number, sources, demands, search, shelf, marks)
            for column, number in zip(
                table.columns, row.printed or [None] * len(table.columns), strict=True
            )
        ]
        for row in table.rows
    ]
    beside = Beside(
        [column.heading for column in table.columns],
        [row.name for row in table.rows],
        cells,
        table.best,
        {column.heading: marks.at(None, column.heading) for column in table.columns},
        {row.name: marks.at(row.name, None) for row in table.rows},
    )
    runs = {name: _runs(search.found[one].repeats) for name, one in demands.items() if search.found}
    rows, columns = beside.rows, beside.columns
    filled = {
        (rows.index(row), columns.index(column)): Filled(sources[row, column], own)
        for (row, column), own in runs.items()
        if own
    }
    beside, rules = emphasize(beside, filled)
    notes = [
        *marks.notes,
        *rules,
        *run_notes(search),
        *decision_notes(search, shelf.changes),
    ]
    caption = " ".join(filter(None, [f"{table.caption}.", protocol(search, shelf)]))
    document = Document(place.title, caption, beside.grid, notes=notes)
    return Rendered(document, beside.csv(), search.missing, search.budget)


def _demand(source: Source, table: ScoreTable, shelf: Shelf) -> Demand:
    return shelf.demand(str(source.experiment), source.overrides, table.seeds, source.shrunk)


def _cell(
    place: tuple[str, str],
    printed: float | None,
    sources: Mapping[tuple[str, str], Source],
    demands: Mapping[tuple[str, str], Demand],
    search: Search,
    shelf: Shelf,
    marks: Marks,
) -> Cell:
    if place not in sources:
        return Cell(None, None, state="")
    source, demand = sources[place], demands[place]
    found = search.found.get(demand)
    repeats = found.repeats if found else []
    command, own_marks = "", []
    if not repeats:
        command = shelf.command(demand, search.budget)
        own_marks = [marks.command(found.state if found else "", command)]
    elif suspect := _suspect(repeats):
        own_marks = [marks.command(suspect)]
    return Cell(
        summarize(repeats, source) if repeats else None,
        printed,
        source.scale,
        source.decimals or 0,
        source.unit or "",
        source.is_lower_better,
        REFUSED if found and found.refused else MISSING,
        own_marks,
        marks.at(*place),
        command,
        [str(run.folder) for run in _runs(repeats)],
    )


def _runs(repeats: Repeats) -> list[FinishedRun]:
    return [run for group in repeats for run in group]


def _suspect(repeats: Repeats) -> str:
    """Reasons to doubt the scores of a cell, with the number of runs; empty if there are none."""
    runs = _runs(repeats)
    counts = Counter(reason for run in runs for reason in doubts(run.metrics["test"]))
    texts = [f"{reason} in {count} of {len(runs)} runs" for reason, count in counts.items()]
    return f"suspect: {', '.join(texts)}" if texts else ""
