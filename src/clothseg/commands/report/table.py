"""`target=table`: scores of configurations as CSV, Markdown or LaTeX."""

from collections.abc import Callable, Mapping
from pathlib import Path

from clothseg.commands.report.runs import finished_folds
from clothseg.config.settings import Report, TableFormat
from clothseg.files import write_bytes
from clothseg.report.paper_table import PaperTable, csv_table, latex_table, markdown_table
from clothseg.report.tables import counted
from clothseg.run.comparison.tables import ComparedTables
from clothseg.run.configurations import combine_seeds
from clothseg.terminal.screen import console

ENCODERS: Mapping[TableFormat, Callable[[PaperTable], bytes]] = {
    "csv": csv_table,
    "markdown": markdown_table,
    "latex": latex_table,
}


def draw(settings: Report) -> None:
    """Write the table of a command line.

    Raises:
        DataError: there is no finished run, or the runs are of several label spaces.
        WriteError: the file cannot be written.
    """
    rows = combine_seeds(finished_folds(settings.runs))
    tables = ComparedTables(rows)
    write_bytes(Path(settings.output), ENCODERS[settings.format](tables.paper_table()))
    console.print(tables.terminal_table("all configurations, test set"))
    console.print(f"{counted(len(rows.repeats), 'configuration')} in {settings.runs}")
