"""`target=html`: one self-contained page of all finished runs."""

from dataclasses import replace
from pathlib import Path

from clothseg.config.settings import Report
from clothseg.error import DataError, UserError
from clothseg.files import write_text
from clothseg.report.page.content import Page
from clothseg.report.page.rendering import render
from clothseg.report.tables import counted
from clothseg.run.finished import finished_runs
from clothseg.run.page.pages import results_page
from clothseg.terminal.screen import console, say


def draw(settings: Report) -> None:
    """Write the page of a command line.

    Raises:
        DataError: there is no finished run.
        WriteError: the file cannot be written.
    """
    notes: list[str] = []
    runs = finished_runs(Path(settings.runs), lambda reason: notes.append(f"Left out: {reason}."))
    page = results_page(runs, f"Results in {settings.runs}", notes)
    if not page.chapters:
        raise DataError(f"runs={settings.runs}: no configuration has folds of one split")
    if settings.num_photos:
        page = _with_photos(page, settings)
    write_text(Path(settings.output), render(page))
    for note in page.notes:
        say(f"warning: {note}")
    console.print(f"{counted(len(runs), 'run')} in {settings.runs}")


def _with_photos(page: Page, settings: Report) -> Page:
    """Add photos; without their dataset or with runs of several, the page says why it has none."""
    from clothseg.commands.report.page_photos import photos

    try:
        if len(page.chapters) > 1:
            raise DataError("select a folder with runs of one dataset and label space")
        (chapter,) = page.chapters
        return replace(page, chapters=[replace(chapter, pictures=photos(settings, chapter))])
    except UserError as error:
        return replace(page, notes=[*page.notes, f"There are no photos: {error}."])
