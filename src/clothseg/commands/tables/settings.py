"""Tables of settings: values of keys in composed experiments."""

from typing import Any

from clothseg.commands.tables.marks import Marks
from clothseg.commands.tables.rendered import Place, Rendered
from clothseg.commands.tables.shelf import BUDGETS, Shelf
from clothseg.config.table.file import SettingTable
from clothseg.report.document import Document, Grid, Text


def render(table: SettingTable, place: Place, shelf: Shelf) -> Rendered:
    """Compare keys of experiments with what the paper prints.

    Raises:
        ConfigError: a deviation of the command does not fit an experiment.
    """
    headings = [Text("")]
    for column in table.columns:
        headings += [Text(column.heading), Text("paper")]
    lines = []
    for row in table.rows:
        demand = shelf.demand(row.experiment, row.overrides, (0,))
        config = shelf.compose(demand, BUDGETS[0])
        line = [Text(row.name)]
        for column, printed in zip(table.columns, row.printed, strict=True):
            line += [Text(_shown(_look_up(config, column.key))), Text(_shown(printed))]
        lines.append(line)
    grid = Grid(headings, lines)
    document = Document(
        place.title, f"{table.caption}.", grid, notes=Marks.of(table.footnotes).notes
    )
    return Rendered(document, grid.csv())


def _look_up(config: Any, key: str) -> Any:
    for part in key.split("."):
        config = config[part]
    return config


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
