"""Implementation of `scripts/report.py`: figures and tables of recorded runs, a module per target.

Each module `<target>` defines ``draw(settings: Report) -> None``, which writes the file
``settings.output`` and prints what it shows.
"""

from importlib import import_module

from clothseg.config.command_line import check_settings
from clothseg.config.settings import Report
from clothseg.terminal.screen import console


def report_command(overrides: list[str]) -> int:
    """Write the figure or table of a command line; return the exit status.

    Raises:
        ConfigError: the command line is invalid.
        DataError: there is no run that the figure needs, or there are too many.
    """
    settings = check_settings(overrides, "report", Report)
    import_module(f"clothseg.commands.report.{settings.target}").draw(settings)
    console.print(f"written to {settings.output}", soft_wrap=True, markup=False)
    return 0
