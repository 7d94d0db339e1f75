"""Tables of the options that are the best of a grid."""

import itertools
import math
from collections.abc import Mapping, Sequence

from clothseg.commands.tables.marks import Marks
from clothseg.commands.tables.notes import decision_notes, protocol, run_notes
from clothseg.commands.tables.rendered import Place, Rendered
from clothseg.commands.tables.shelf import Search, Shelf
from clothseg.config.table.cell import BY_KEY, Source
from clothseg.config.table.file import Choice, Selection
from clothseg.files import csv_bytes
from clothseg.report.beside_paper import MISSING, REFUSED
from clothseg.report.document import Document, Grid, Text
from clothseg.run.cell_value import summarize
from clothseg.run.demand import Demand

Options = Mapping[str, str]
"""Selected option by group."""


def render(table: Selection, place: Place, shelf: Shelf) -> Rendered:
    """Select the best options of each row, if all combinations are finished.

    Raises:
        ConfigError: a deviation of the command does not fit an experiment.
    """
    combinations = [
        dict(zip(table.grid, options, strict=True))
        for options in itertools.product(*table.grid.values())
    ]
    demands = {
        row.name: [_demand(row, options, table, shelf) for options in combinations]
        for row in table.rows
    }
    search = shelf.search([demand for of_row in demands.values() for demand in of_row])
    marks = Marks.of(table.footnotes)
    lines, rows, missing = [], [], []
    for row in table.rows:
        scored = [_scores(demand, table, search) for demand in demands[row.name]]
        complete = all(scores is not None for scores in scored)
        best = best_of([scores or () for scores in scored]) if complete else None
        if complete and best is not None:
            lines.append(_line(row, combinations[best], scored[best] or (), table))
        else:
            training = shelf.demand(row.experiment, _sweep(table), table.seeds)
            missing.append(training)
            lines.append(
                _missing_line(row, training, demands[row.name], table, search, shelf, marks)
            )
        for number, (options, scores) in enumerate(zip(combinations, scored, strict=True)):
            state = "selected" if number == best else "" if scores is not None else MISSING
            rows.append(
                [row.name, *options.values(), *(scores or [None] * len(table.select)), state]
            )
    headings = [Text("")]
    for group in table.grid:
        headings += [Text(group), Text("paper")]
    headings += [Text(f"{BY_KEY[key].title}, percent") for key in table.select]
    grid = Grid(headings, lines, left=1 + 2 * len(table.grid))
    notes = [
        *marks.notes,
        *run_notes(search),
        *decision_notes(search, [*shelf.changes, *_sweep(table)]),
    ]
    caption = " ".join(filter(None, [f"{table.caption}.", protocol(search, shelf)]))
    header = ["row", *table.grid, *(BY_KEY[key].name for key in table.select), "state"]
    return Rendered(
        Document(place.title, caption, grid, notes=notes),
        csv_bytes(header, rows),
        missing,
        search.budget,
    )


def best_of(scores: Sequence[Sequence[float | None]]) -> int | None:
    """Index of the highest scores, of which the first decides and the next ones break ties.

    Undefined scores are worse than any number; of equal ones, the first is the best.

    Args:
        scores: scores of each candidate in the order in which they decide.

    Returns:
        None without candidates.
    """
    ranks = [[-math.inf if score is None else score for score in one] for one in scores]
    return max(range(len(ranks)), key=ranks.__getitem__) if ranks else None


def _demand(row: Choice, options: Options, table: Selection, shelf: Shelf) -> Demand:
    overrides = [f"{group}={option}" for group, option in options.items()]
    return shelf.demand(row.experiment, overrides, table.seeds)


def _sweep(table: Selection) -> list[str]:
    """Overrides that train all combinations."""
    return [f"{group}={','.join(options)}" for group, options in table.grid.items()]


def _scores(demand: Demand, table: Selection, search: Search) -> list[float | None] | None:
    """Mean of the deciding scores of a combination; None if a run is missing."""
    found = search.found.get(demand)
    if found is None or found.missing:
        return None
    sources = [Source.model_validate({"score": key}) for key in table.select]
    return [summarize(found.repeats, source)["mean"] for source in sources]


def _line(
    row: Choice, options: Options, scores: Sequence[float | None], table: Selection
) -> list[Text]:
    line = [Text(row.name)]
    for group in table.grid:
        printed = row.printed.get(group, "")
        line += [Text(options[group], bold=options[group] == printed), Text(printed)]
    shown = ["" if score is None else f"{100 * score:.1f}" for score in scores]
    return [*line, *map(Text, shown)]


def _missing_line(
    row: Choice,
    training: Demand,
    demands: Sequence[Demand],
    table: Selection,
    search: Search,
    shelf: Shelf,
    marks: Marks,
) -> list[Text]:
    found = [search.found[demand] for demand in demands if demand in search.found]
    done = sum(not one.missing for one in found)
    refused = [reason for one in found for reason in one.refused]
    texts = [f"{done} of {len(demands)} combinations are finished"] if done else []
    mark = marks.command("; ".join([*texts, *refused]), shelf.command(training, search.budget))
    state = REFUSED if refused and not done else MISSING
    line = [Text(row.name)]
    for group in table.grid:
        line += [Text(state, [mark]), Text(row.printed.get(group, ""))]
    return [*line, *(Text("") for _ in table.select)]
