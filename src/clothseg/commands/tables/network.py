"""Tables of the layers and parameters of a network."""

from clothseg.commands.tables.marks import Marks
from clothseg.commands.tables.rendered import Place, Rendered
from clothseg.commands.tables.shelf import Shelf
from clothseg.config.table.file import NetworkTable
from clothseg.report.document import Document, Grid, Text


def render(table: NetworkTable, place: Place, shelf: Shelf) -> Rendered:
    """Compare the layers of a network with what the paper prints."""
    marks = Marks.of(table.footnotes)
    headings = [Text("")]
    for column in table.columns:
        headings += [Text(column), Text("paper")]
    lines = []
    for row in table.rows:
        line = [Text(row.name)]
        for column, ours, printed in zip(table.columns, row.ours, row.printed, strict=True):
            differs = ours is not None and printed is not None and ours != printed
            line += [
                Text(_shown(ours), bold=differs),
                Text(_shown(printed), marks.at(row.name, column)),
            ]
        lines.append(line)
    grid = Grid(headings, lines)
    caption = f"{table.caption}. Ours is model={table.model}; what differs from the paper is bold."
    return Rendered(Document(place.title, caption, grid, notes=marks.notes), grid.csv())


def _shown(value: float | str | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if isinstance(value, int | float) else value
