"""`target=wandb`: a workspace and a report at Weights & Biases, built from recorded runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from clothseg.commands.report.runs import finished_folds
from clothseg.config.settings import Report
from clothseg.error import DataError, shortened
from clothseg.extras import require_extra
from clothseg.report.tables import counted
from clothseg.run.finished import FinishedRun
from clothseg.terminal.screen import console

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
    groups = finished_folds(settings.runs)
    shown = counted(sum(map(len, groups.values())), "run"), counted(len(groups), "configuration")
    console.print(f"{' of '.join(shown)} in {settings.runs}", markup=False, soft_wrap=True)
    (_upload if settings.upload else _write)(settings, groups)


def _write(settings: Report, groups: Mapping[str, Sequence[FinishedRun]]) -> None:
    """Write the pages to a file, and say how they and the runs are sent."""
    from clothseg.commands.report.wandb.pages import Pages, saved_pages

    path = Path(settings.output)
    pages = Pages.of([*groups.values()], _title(settings.runs), settings.project)
    pages.write(path, saved_pages(path))
    console.print(
        "nothing was sent; upload=true sends these runs, and saves this workspace and this report, "
        f"to {settings.entity or 'your account'}/{settings.project}",
        markup=False,
        soft_wrap=True,
    )


def _upload(settings: Report, groups: Mapping[str, Sequence[FinishedRun]]) -> None:
    """Send the runs, and save the pages."""
    from clothseg.commands.report.wandb.pages import Pages, saved_pages
    from clothseg.commands.report.wandb.sending import require_account, send_runs

    account = require_account(settings)
    entity, path = str(account.entity), Path(settings.output)
    pages = Pages.of([*groups.values()], _title(settings.runs), settings.project, entity)
    sent, failed = send_runs(groups, account)
    saved = saved_pages(path)
    if saved and (saved["entity"], saved["project"]) != (entity, settings.project):
        saved = None
    pages.write(path, pages.save(saved))
    for address in pages.addresses:
        console.print(address, markup=False, soft_wrap=True)
    if failed:
        raise DataError(
            f"{failed} of {counted(sent + failed, 'run')} could not be sent, see the warnings "
            "above; the same command tries them again"
        )
    console.print(f"all of them are in {entity}/{settings.project}", markup=False, soft_wrap=True)


def _title(runs: str) -> str:
    """Title of the pages of a folder; the service takes neither emoji nor long ones."""
    name = "".join(c if c.isascii() and c.isprintable() else "?" for c in Path(runs).resolve().name)
    return f"clothseg: {shortened(name, MAX_TITLE)}"
