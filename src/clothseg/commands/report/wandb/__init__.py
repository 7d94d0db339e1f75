"""`target=wandb`: a workspace and a report at Weights & Biases, built from recorded runs."""

from collections.abc import Sequence
from pathlib import Path

from clothseg.commands.report.runs import require_same_classes
from clothseg.config.settings import Report
from clothseg.error import DataError, abbreviate, shortened
from clothseg.extras import require_extra
from clothseg.report.tables import counted
from clothseg.run.configurations import group_folds, missing_folds
from clothseg.run.finished import FinishedRun, finished_runs
from clothseg.terminal.screen import console, say

MAX_TITLE = 100
"""Most characters of a folder's name in a title."""


def draw(settings: Report) -> None:
    """Write workspace and report of a command line to a file; save them and send runs if asked to.

    Raises:
        ConfigError: the extra `wandb` is not installed.
        DataError: there is no finished run, or the runs are of several label spaces.
        LoginError: runs are to be sent, but the service cannot be used.
        WriteError: the file cannot be written.
    """
    require_extra("wandb", "target=wandb")
    runs = finished_runs(Path(settings.runs), _leave_out)
    require_same_classes(runs, settings.runs)
    groups = group_folds(runs, _leave_out)
    if not groups:
        raise DataError(f"runs={settings.runs}: no configuration has folds of one split")
    if missing := missing_folds(groups):
        say(f"warning: not all folds are finished: {abbreviate(missing)}")
    _write(settings, list(groups.values()))
    shown = counted(len(runs), "run"), counted(len(groups), "configuration")
    console.print(f"{' of '.join(shown)} in {settings.runs}", markup=False)


def _write(settings: Report, groups: Sequence[Sequence[FinishedRun]]) -> None:
    from clothseg.commands.report.wandb.pages import Pages

    pages = Pages.of(groups, _title(settings.runs), settings.project)
    pages.write(Path(settings.output), {})
    console.print(
        "nothing was sent; upload=true sends these runs and saves the workspace and the report in "
        f"project {settings.project}",
        markup=False,
        soft_wrap=True,
    )


def _title(runs: str) -> str:
    """Title of the pages of a folder; the service takes neither emoji nor long ones."""
    name = "".join(c if c.isascii() and c.isprintable() else "?" for c in Path(runs).resolve().name)
    return f"clothseg: {shortened(name, MAX_TITLE)}"


def _leave_out(reason: str) -> None:
    say(f"warning: left out: {reason}")
