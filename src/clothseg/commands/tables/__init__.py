"""Implementation of `scripts/tables.py`: tables and figures of papers, a module per kind."""

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from clothseg.commands.tables.fill import (
    DATASETS,
    count,
    dataset_in,
    datasets_of,
    draw,
    draw_missing,
    drawn_folders,
    require_committed,
    train,
)
from clothseg.commands.tables.rendered import Place, Rendered
from clothseg.commands.tables.shelf import BUDGETS, Shelf, read_runs
from clothseg.config.command_line import check_settings
from clothseg.config.settings import Tables
from clothseg.config.table.file import read_table, table_names
from clothseg.error import listed
from clothseg.files import write_bytes
from clothseg.report.document import latex_document, markdown_document
from clothseg.run.demand import Candidate
from clothseg.terminal.screen import console, say
from clothseg.terminal.streams import print_error


def tables_command(overrides: list[str]) -> int:
    """Write the tables of a command line; return the exit status.

    Raises:
        ConfigError: the command line is invalid.
        DataError: the folder of the runs is missing, or a file cannot be written.
    """
    settings = check_settings(overrides, "tables", Tables)
    names = table_names(settings.table)
    shelf = open_shelf(settings)
    failed: list[str] = []
    if settings.action == "fill":
        shelf, failed = fill_tables(names, shelf)
    for name in names:
        rendered = render(name, shelf)
        _write(Path(settings.output) / name, rendered)
        console.print(_line(name, rendered), soft_wrap=True, markup=False)
    console.print(f"written to {settings.output}", soft_wrap=True, markup=False)
    for line in failed:
        print_error(line)
    return int(bool(failed))


def open_shelf(settings: Tables) -> Shelf:
    """Read the runs of a command.

    Raises:
        ConfigError: there are no folders of the datasets, and none may be drawn.
        DataError: there is no such folder.
    """
    runs = Path(settings.runs)
    if settings.action == "render":
        return Shelf(settings, _folders(settings.data), candidates(settings))
    settings = settings.model_copy(update={"budget": settings.budget or BUDGETS[0]})
    folders = _folders(settings.data) or drawn_folders(runs, str(settings.budget))
    runs.mkdir(parents=True, exist_ok=True)
    return Shelf(settings, folders, candidates(settings))


def candidates(settings: Tables) -> list[Candidate]:
    """Read the finished runs, and warn of those that cannot be read.

    Raises:
        DataError: there is no such folder.
    """
    reasons: list[str] = []
    found = read_runs(Path(settings.runs), reasons.append)
    for line in listed([f"warning: left out: {reason}" for reason in reasons]):
        say(line)
    return found


def fill_tables(names: Sequence[str], shelf: Shelf) -> tuple[Shelf, list[str]]:
    """Train, count and draw what tables lack.

    Args:
        names: files of `conf/table`.
        shelf: the runs, and settings with a budget.

    Returns:
        The runs including the new ones, and what failed.

    Raises:
        DataError: the checkout has uncommitted changes.
    """
    settings, budget = shelf.settings, str(shelf.settings.budget)
    rendered = [render(name, shelf) for name in names]
    missing = [demand for one in rendered for demand in one.missing]
    counted = [words for one in rendered for words in one.commands]
    if missing:
        require_committed()
    if settings.data is None:
        draw_missing([*datasets_of(missing), *map(dataset_in, counted)], shelf.folders)
    failed = train(missing, shelf, budget)
    shelf = replace(shelf, candidates=candidates(settings))
    rendered = [render(name, shelf) for name in names]
    failed += count([words for one in rendered for words in one.commands])
    for drawing in [drawing for one in rendered for drawing in one.drawings]:
        draw(drawing)
    return shelf, failed


def _folders(data: str | dict[str, str] | None) -> dict[str, str]:
    """Folders of datasets by name."""
    if isinstance(data, str):
        return {name: str(Path(data) / name) for name in DATASETS}
    return data or {}


def render(name: str, shelf: Shelf) -> Rendered:
    """Render a table or a figure.

    Args:
        name: a file of `conf/table`.
        shelf: the runs.
    """
    table = read_table(name)
    title = f"{name.partition('/')[0]}, {table.number}"
    place = Place(name, title, Path(shelf.settings.output) / name)
    module = import_module(f"clothseg.commands.tables.{table.kind}")
    rendered: Rendered = module.render(table, place, shelf)
    return rendered


def _write(path: Path, rendered: Rendered) -> None:
    write_bytes(path.with_suffix(".md"), markdown_document(rendered.document))
    write_bytes(path.with_suffix(".tex"), latex_document(rendered.document))
    if rendered.csv:
        write_bytes(path.with_suffix(".csv"), rendered.csv)


def _line(name: str, rendered: Rendered) -> str:
    lacking = [
        *([f"{len(rendered.missing)} configurations"] if rendered.missing else []),
        *([f"{len(rendered.commands)} counts of datasets"] if rendered.commands else []),
        *([f"{len(rendered.drawings)} pictures"] if rendered.drawings else []),
    ]
    return f"{name}: lacks {', '.join(lacking)}" if lacking else f"{name}: complete"
