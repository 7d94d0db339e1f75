"""`target=table`: scores of configurations as CSV, Markdown or LaTeX."""

from collections.abc import Callable, Mapping
from pathlib import Path

from clothseg.commands.report.runs import require_same_classes
from clothseg.config.settings import Report, TableFormat
from clothseg.error import DataError, abbreviate
from clothseg.files import write_bytes
from clothseg.report.paper_table import PaperTable, csv_table, latex_table, markdown_table
from clothseg.report.tables import counted
from clothseg.run.comparison.tables import ComparedTables
from clothseg.run.configurations import combine_seeds, group_folds, missing_folds
from clothseg.run.finished import finished_runs
from clothseg.terminal.screen import console, say

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
    runs = finished_runs(Path(settings.runs), _leave_out)
    require_same_classes(runs, settings.runs)
    groups = group_folds(runs, _leave_out)
    if not groups:
        raise DataError(f"runs={settings.runs}: no configuration has folds of one split")
    if missing := missing_folds(groups):
        say(f"warning: not all folds are finished: {abbreviate(missing)}")
    rows = combine_seeds(groups)
    tables = ComparedTables(rows)
    write_bytes(Path(settings.output), ENCODERS[settings.format](tables.paper_table()))
    console.print(tables.terminal_table("all configurations, test set"))
    console.print(f"{counted(len(rows.repeats), 'configuration')} in {settings.runs}")


def _leave_out(reason: str) -> None:
    say(f"warning: left out: {reason}")
