"""Figures: pictures of runs and datasets, beside a document with their sources."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clothseg.commands.tables.counted import Counted
from clothseg.commands.tables.marks import Marks
from clothseg.commands.tables.notes import decision_notes, deviations, run_notes
from clothseg.commands.tables.panels import LATE, Picture
from clothseg.commands.tables.rendered import Place, Rendered
from clothseg.commands.tables.shelf import Search, Shelf
from clothseg.config.table.file import Figure, Panel
from clothseg.error import DataError
from clothseg.files import write_bytes
from clothseg.report.document import Document, Note
from clothseg.report.document import Picture as Shown
from clothseg.run.demand import Demand

OF_DATASETS = ("statistics", "label_scales")
"""Pictures of a dataset, which need no run."""


@dataclass
class Outcome:
    """Pictures of a figure as far as they can be shown, and what the others lack."""

    pictures: list[Shown] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    commands: list[Sequence[str]] = field(default_factory=list)
    drawings: list[Callable[[], None]] = field(default_factory=list)

    def lack(self, what: str, reason: str, command: str) -> None:
        """Note why a picture is missing, and the command that fills it."""
        why = f": {reason}" if reason else ""
        self.notes.append(Note(f"missing ({what}){why}; filled by", command=command))


def render(table: Figure, place: Place, shelf: Shelf) -> Rendered:
    """Draw the pictures whose runs are finished.

    Raises:
        ConfigError: a deviation of the command does not fit an experiment.
    """
    demands = {panel: _demands(panel, table.seed, shelf) for panel in table.panels}
    every = [demand for own in demands.values() for demand in own]
    search = shelf.search(every) if every else None
    outcome = Outcome()
    for number, panel in enumerate(table.panels, start=1):
        suffix = f"-{number}" if len(table.panels) > 1 else ""
        path = place.path.with_name(f"{place.path.name}{suffix}.png")
        if panel.draw in OF_DATASETS:
            _show_dataset(panel, path, shelf, outcome)
        elif search:
            _show_runs(panel, demands[panel], path, place, search, shelf, outcome)
    notes = [*Marks.of(table.footnotes).notes, *outcome.notes]
    caption = f"{table.caption}."
    if search:
        caption = " ".join(filter(None, [caption, deviations(search, shelf)]))
        notes += [*run_notes(search), *decision_notes(search, shelf.changes)]
    return Rendered(
        Document(place.title, caption, pictures=outcome.pictures, notes=notes),
        missing=search.missing if search else (),
        budget=search.budget if search else "full",
        commands=outcome.commands,
        drawings=outcome.drawings,
    )


def _demands(panel: Panel, seed: int, shelf: Shelf) -> list[Demand]:
    return [shelf.demand(one.experiment, one.overrides, (seed,), one.shrunk) for one in panel.runs]


def _show_runs(
    panel: Panel,
    demands: Sequence[Demand],
    path: Path,
    place: Place,
    search: Search,
    shelf: Shelf,
    outcome: Outcome,
) -> None:
    """Draw a picture of runs, or note what is missing."""
    missing = False
    for shown, demand in zip(panel.runs, demands, strict=True):
        if demand in search.missing:
            missing, found = True, search.found.get(demand)
            reason = found.state if found else ""
            what = shown.name or panel.caption
            outcome.lack(what, reason, shelf.command(demand, search.budget))
    if missing:
        return
    picture = Picture(panel, [search.found[demand] for demand in demands], path, shelf)
    if panel.draw in LATE and not picture.is_drawn:
        outcome.lack(
            panel.caption,
            picture.failure or "its runs are finished",
            shelf.fill_command(place.name, search.budget),
        )
        outcome.drawings.append(picture.draw)
        return
    if panel.draw not in LATE:
        try:
            picture.draw()
        except DataError as error:
            outcome.notes.append(Note(f"missing ({panel.caption}): {error}"))
            return
    outcome.pictures.append(Shown(path.name, f"{panel.caption}."))


def _show_dataset(panel: Panel, path: Path, shelf: Shelf, outcome: Outcome) -> None:
    """Copy a picture of a dataset, or note what is missing."""
    counted = Counted.of(panel.dataset, shelf)
    if panel.draw == "statistics":
        content = counted.read()
        source: Path | None = counted.folder / f"{panel.file}.png" if content else None
        note = Note(counted.note(content)) if content else None
    else:
        source = next(iter(sorted(counted.report.glob("label_scales_*.png"))), None)
        note = None
    if source is None or not source.is_file():
        outcome.lack(panel.caption, "", counted.command(panel.draw))
        outcome.commands.append(counted.words(panel.draw))
        return
    write_bytes(path, source.read_bytes())
    outcome.pictures.append(Shown(path.name, f"{panel.caption}."))
    if note and note not in outcome.notes:
        outcome.notes.append(note)
