"""Emphasis of the best cells, and of all that a test cannot tell from them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from clothseg.config.table.cell import Source
from clothseg.metric.names import Score
from clothseg.report.beside_paper import Beside, Line, Place
from clothseg.report.document import Note
from clothseg.run.comparison import ALPHA, TESTS, Comparison, compare
from clothseg.run.finished import FinishedRun
from clothseg.run.tables import read_image_scores


@dataclass(frozen=True)
class Filled:
    """Cell with runs.

    Args:
        source: complete description of the cell.
        runs: its runs.
    """

    source: Source
    runs: Sequence[FinishedRun]


def emphasize(beside: Beside, cells: Mapping[Place, Filled]) -> tuple[Beside, list[Note]]:
    """Test the cells of each line against its best, and describe the tests in a note.

    Only lines with one score of one class are tested; in others, the best of rounded means is bold.

    Args:
        beside: the table.
        cells: its cells with runs.
    """
    read = cache(read_image_scores)
    untold: dict[Line, Collection[Place]] = {}
    comparisons = []
    for line in beside.lines:
        places = {str(place): place for place in line if place in cells}
        tested = _tested([cells[place] for place in places.values()])
        if tested is None or len(places) < 2:
            continue
        runs = {name: cells[place].runs for name, place in places.items()}
        found = compare(runs, None, read, *tested)
        if found.methods:
            untold[line] = {places[name] for name in found.bold}
            comparisons.append(found)
    return replace(beside, untold=untold), [Note(_rule(comparisons))] if comparisons else []


def _tested(cells: Sequence[Filled]) -> tuple[Score, str | None] | None:
    """Return the one score of test images that cells show, and its class; None without such."""
    sources = [one.source for one in cells]
    if len({(source.score, source.class_name) for source in sources}) != 1:
        return None
    score, name = sources[0].scored, sources[0].class_name
    if score is None or any(source.own_epoch or source.characteristic for source in sources):
        return None
    return (score, name) if name is None or score.per_class else None


def _rule(comparisons: Sequence[Comparison]) -> str:
    methods = dict.fromkeys(method for one in comparisons for method in one.methods)
    tests = " and ".join(TESTS[method] for method in methods)
    pairs = max(one.pairs for one in comparisons)
    adjusted = f", Holm over {pairs} pairs" if pairs > 1 else ""
    untested = sum(bool(s.obstacle) for one in comparisons for s in one.standings.values())
    text = f"bold: the best of ours by the test images, and all that {tests} cannot tell from it "
    text += f"(level {100 * ALPHA:g} %{adjusted})"
    return f"{text}; {untested} cells not tested" if untested else text
