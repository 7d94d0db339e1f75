"""Tables for the terminal, at most 80 columns wide and readable as plain text."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from rich import box
from rich.table import Table
from rich.text import Text

from clothseg.metric.aggregate import Scorecard, aggregate, mean_and_std
from clothseg.metric.doubt import doubts
from clothseg.metric.names import ACCURACY, PRIMARY, SCORES, Score, headline
from clothseg.metric.selection import Selection

CLASS_SCORES = tuple(score for score in SCORES if score.tabulated)
"""Columns of a table of classes."""

BEST_BY_TEST = f"test {PRIMARY.heading}, because a run has no validation scores"

Status = Literal["done", "resumed", "skipped", "failed", "interrupted", "elsewhere"]

STATUS_STYLE: dict[Status, str] = {
    "done": "green",
    "resumed": "cyan",
    "elsewhere": "yellow",
    "skipped": "dim",
    "interrupted": "yellow",
    "failed": "bold red",
}


def source_table(cards: Mapping[str, Sequence[Scorecard]], title: str) -> Table:
    """Table of the sources of a merged dataset: images, and class means and accuracy in percent.

    Args:
        cards: scorecards of each source by its name, one per fold.
        title: title of the table.
    """
    totals = {name: aggregate(folds) for name, folds in cards.items()}
    numbers = sorted({total["folds"] for total in totals.values()})
    table = new_table(title, f"percent, means over classes that occur{over(*numbers)}")
    table.add_column("source", overflow="fold")
    headings = [score.heading for score in (*CLASS_SCORES, ACCURACY)]
    add_score_columns(table, ["images", *headings])
    for name, total in totals.items():
        images = str(sum(card["num_images"] for card in cards[name]))
        scores = (_total(total, score) for score in (*CLASS_SCORES, ACCURACY))
        table.add_row(Text(name), images, *map(_percent, scores))
    return table


def fold_table(
    cards: Sequence[Scorecard], title: str, validation: Sequence[Scorecard] = ()
) -> Table:
    """Table of the classes of one config and their mean: scores in percent over the folds.

    A class that is undefined in some folds shows the number of folds that count. Below the mean is
    that of the validation part.

    Args:
        cards: one scorecard per fold.
        title: title of the table.
        validation: scorecards of the validation part; empty if there are none.

    Raises:
        DataError: no scorecard, or scorecards with different classes.
    """
    total = aggregate(cards)
    folds = total["folds"]
    counted = [_foldscounted(row, folds) for row in total["per_class"]]
    table = new_table(title, f"percent{over(folds)}")
    table.add_column("class", overflow="fold")
    add_score_columns(table, [score.heading for score in CLASS_SCORES])
    if any(counted):
        table.add_column("folds", justify="right", style="dim", no_wrap=True)
    for row, count in zip(total["per_class"], counted, strict=True):
        cells = [_percent(row[score.key]) for score in CLASS_SCORES]
        table.add_row(Text(row["name"]), *cells, *([count] if any(counted) else []))
    table.add_section()
    means = [_percent(_total(total, score)) for score in CLASS_SCORES]
    table.add_row("mean", *means, style="bold")
    if validation:
        total = aggregate(validation)
        means = [_percent(_total(total, score)) for score in CLASS_SCORES]
        table.add_row("validation mean", *means)
    return table


def comparison_table(
    rows: Mapping[str, Sequence[Scorecard]],
    title: str,
    repeat: str = "fold",
    selection: Selection | None = None,
    *,
    bold: Collection[str] | None = None,
    rule: str = "",
    score: Score = PRIMARY,
    bounds: Mapping[str, tuple[float, float]] | None = None,
) -> Table:
    """Table with one row per config: test scores, and the validation score that ranks the configs.

    Without `bold`, the row with the highest mean is bold, and so are rows whose validation score
    rounds to the same value. Without validation scores, the IoU of the test part decides, and the
    caption says so. If the configs have different numbers of folds, the number follows the name. A
    config with a fold whose scores are suspect is marked, see
    :func:`clothseg.metric.doubt.doubts`. Intervals are shown if no config has a standard deviation.

    Args:
        rows: scorecards of the folds of each config by its name.
        title: title of the table.
        repeat: noun for the repetitions of a config, such as `fold` or `seed`.
        selection: validation scores of the same configs; None if one of them has none.
        bold: the configs that cannot be told from the best.
        rule: words for these, after those for the best.
        score: the score of the intervals.
        bounds: limits of the interval of a config, by its name.

    Raises:
        DataError: a config without scorecards, or scorecards with different classes.
    """
    totals = {name: aggregate(cards) for name, cards in rows.items()}
    numbers = sorted({total["folds"] for total in totals.values()})
    best = (selection or Selection.by_test(rows)).best() if bold is None else bold
    added = [validation_heading(selection)] if selection else []
    repeats = over(*numbers, repeat=repeat)
    meaning = f"bold: {best_rule(selection)}{rule}"
    table = new_table(title, f"percent, means over classes{repeats}; {meaning}")
    table.add_column("config", overflow="fold")
    # More test scores would leave no room for the names.
    common = set.intersection(*({*total} for total in totals.values()))
    compared = (*headline(common), ACCURACY)
    limits = bounds if bounds and numbers == [1] else {}
    added = [f"{score.heading}, 95 %", *added] if limits else added
    add_score_columns(table, [*(one.heading for one in compared), *added])
    for name, total in totals.items():
        cells = [_percent(_total(total, one)) for one in compared]
        cells += [_range(limits.get(name), score)] if limits else []
        if selection:
            cells.append(_format(mean_and_std(selection.values[name]), selection.score))
        folds = f" ({counted(total['folds'], repeat)})" if len(numbers) > 1 else ""
        style = "bold" if name in best else ""
        mark = " (suspect)" if any(map(doubts, rows[name])) else ""
        label = Text.assemble(name, (folds, "dim"), (mark, "yellow"))
        table.add_row(label, *cells, style=style)
    return table


def sweep_table(jobs: Sequence[tuple[str, Status, str]]) -> Table:
    """Table of the jobs of a sweep with a count of each status.

    Args:
        jobs: name, status and detail (a score, a reason or an error) of each job.
    """
    count = Counter(status for _, status, _ in jobs)
    ends = ", ".join(f"{count[status]} {status}" for status in STATUS_STYLE if count[status])
    table = new_table("sweep", f"{len(jobs)} job{'' if len(jobs) == 1 else 's'}: {ends or 'none'}")
    table.add_column("job", overflow="fold")
    table.add_column("status", no_wrap=True)
    table.add_column("detail", overflow="fold")
    for name, status, detail in jobs:
        table.add_row(Text(name), Text(status, style=STATUS_STYLE[status]), Text(detail))
    return table


def benchmark_table(comparison: Mapping[str, Any]) -> Table:
    """Table of the measurements of both sides of a benchmark and the ratio of their medians.

    Args:
        comparison: value of :attr:`clothseg.benchmark.comparison.Comparison.plain`.
    """
    caption = comparison["conditions"]
    if comparison["goal"]:
        met = "met" if comparison["goal_met"] else "missed"
        caption += f"; goal on CCP: ratio {comparison['goal']}, here {met}"
    table = new_table(comparison["title"], caption)
    table.add_column("", no_wrap=True)
    table.add_column("measured", style="dim", overflow="fold")
    add_score_columns(table, [comparison["unit"], "quartiles", "n"])
    for name in ("clothseg", "rival"):
        side = comparison[name]
        low, high = map(measurement, side["quartiles"])
        count = str(len(side["values"]))
        cells = [measurement(side["median"]), f"{low} - {high}", count]
        table.add_row(name, Text(side["what"]), *cells)
    table.add_section()
    table.add_row("ratio", comparison["ratio_is"], f"{comparison['ratio']:.3f}", style="bold")
    return table


def measurement(value: float) -> str:
    """Format a value with three or more significant digits."""
    decimals = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{0 if abs(value) >= 1000 else decimals}f}"


def new_table(title: str, caption: str) -> Table:
    """Create a table without columns, in the style of all tables."""
    return Table(
        title=Text(title, style="bold"),
        caption=Text(caption, style="dim"),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )


def add_score_columns(table: Table, headings: Sequence[str]) -> None:
    """Add columns of numbers."""
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)


def validation_heading(selection: Selection) -> str:
    """Heading of the validation scores by which the best of several configs is selected."""
    return f"val. {selection.score.heading}"


def best_rule(selection: Selection | None) -> str:
    """Describe which config is the best, such as `highest mean val. IoU`; None: by the test IoU."""
    if selection is None:
        return f"highest mean {BEST_BY_TEST}"
    direction = "highest" if selection.score.higher_is_better else "lowest"
    return f"{direction} mean {validation_heading(selection)}"


def over(*numbers: int, repeat: str = "fold") -> str:
    """Part of a caption that explains the ±; empty if every config has a single fold."""
    if numbers == (1,):
        return ""
    over = counted(numbers[0], repeat) if len(numbers) == 1 else f"{repeat}s"
    return f", mean ± standard deviation over {over}"


def counted(number: int, noun: str) -> str:
    """Count with its noun, such as `1 fold` or `5 folds`."""
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"


def _total(total: Mapping[str, Any], score: Score) -> Mapping[str, Any]:
    """Mean and standard deviation of the value of the dataset in an aggregate."""
    scores = total["mean"] if score.per_class else total
    summary: Mapping[str, Any] = scores.get(score.key, {"mean": None, "std": None, "n": 0})
    return summary


def _percent(summary: Mapping[str, Any]) -> str:
    return _format(summary, PRIMARY)


def _format(summary: Mapping[str, Any], score: Score) -> str:
    if summary["mean"] is None:
        return "-"
    scale, decimals = (100, 1) if score.fraction else (1, 3)
    numbers = [summary["mean"], *([] if summary["std"] is None else [summary["std"]])]
    return " ± ".join(f"{scale * number:.{decimals}f}" for number in numbers)


def _range(limits: tuple[float, float] | None, score: Score) -> str:
    texts = [_format({"mean": limit, "std": None}, score) for limit in limits or ()]
    return "-".join(texts) or "-"


def _foldscounted(row: Mapping[str, Any], folds: int) -> str:
    """Folds that count: `3/5`, `3-4/5` if the scores differ, empty if all folds count.

    With a single fold, the dash of an undefined score already shows it.
    """
    counts = [row[score.key]["n"] for score in CLASS_SCORES]
    minimum, maximum = min(counts), max(counts)
    if minimum == folds or folds == 1:
        return ""
    return f"{minimum}/{folds}" if minimum == maximum else f"{minimum}-{maximum}/{folds}"
