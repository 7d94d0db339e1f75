"""Tables of the source names that each class gathers."""

from clothseg.commands.tables.marks import Marks
from clothseg.commands.tables.rendered import Place, Rendered
from clothseg.commands.tables.shelf import Shelf
from clothseg.config.table.experiment import labels_of, names_of
from clothseg.config.table.file import LabelTable
from clothseg.report.document import Document, Grid, Text


def render(table: LabelTable, place: Place, shelf: Shelf) -> Rendered:
    """Compare a label space of `conf/labels` with the paper's."""
    own = {name.lower(): name for name in names_of(table.dataset)}
    gathers = {
        name: [own[source.lower()] for source in sources if source.lower() in own]
        for name, sources in labels_of(table.labels).items()
    }
    lines = []
    for row in table.rows:
        ours = dict.fromkeys(sorted(source.lower() for source in gathers.get(row.name, [])))
        printed = {source.lower() for source in row.printed}
        more = [f"with {source}" for source in ours if source not in printed]
        less = [f"without {source}" for source in sorted(printed) if source not in ours]
        texts = [row.name, ", ".join(ours), ", ".join(row.printed), ", ".join([*more, *less])]
        lines.append([Text(text) for text in texts])
    headings = ["label", "ours", "paper", "difference"]
    grid = Grid([Text(heading) for heading in headings], lines, left=len(headings))
    document = Document(
        place.title, f"{table.caption}.", grid, notes=Marks.of(table.footnotes).notes
    )
    return Rendered(document, grid.csv())
