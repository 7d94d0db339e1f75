"""Tables about a dataset for the terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

from clothseg.report.tables import add_score_columns, new_table

Severity = Literal["error", "warning"]

SEVERITY_STYLE: dict[Severity, str] = {"error": "bold red", "warning": "yellow"}


def audit_table(kinds: Mapping[str, tuple[Severity, Sequence[str]]], title: str) -> Table:
    """Table of the findings of an audit: one row per kind, with the first locations.

    Args:
        kinds: severity and locations of the findings of each kind.
        title: title of the table.
    """
    table = new_table(title, "audit.json lists all of them")
    table.add_column("kind", no_wrap=True)
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column("first locations", overflow="fold")
    for kind, (severity, locations) in kinds.items():
        first = "\n".join([*locations[:3], *(["…"] if locations[3:] else [])])
        table.add_row(Text(kind, SEVERITY_STYLE[severity]), str(len(locations)), Text(first))
    return table


def class_table(rows: Sequence[Mapping[str, Any]], title: str, caption: str) -> Table:
    """Table of the frequencies of the classes of a dataset.

    Args:
        rows: result of :func:`clothseg.commands.dataset.statistics.counting.class_rows`.
        title: title of the table.
        caption: text below the table.
    """
    table = new_table(title, caption)
    table.add_column("class", overflow="fold")
    add_score_columns(table, ["pixels", "%", "images", "%", "instances", "area", "%"])
    for row in rows:
        area = "-" if row["mean_area"] is None else f"{row['mean_area']:,.0f}"
        fractions = [row["pixel_share"], row["image_share"], row["mean_area_share"]]
        percent = list(map(_percent, fractions))
        counts = [f"{row[key]:,}" for key in ("pixels", "images", "instances")]
        cells = [counts[0], percent[0], counts[1], percent[1], counts[2], area, percent[2]]
        table.add_row(Text(row["name"]), *cells)
    return table


def subset_tables(
    groups: Mapping[str, Sequence[Mapping[str, Any]]], images: Mapping[str, int], title: str
) -> Iterator[Table]:
    """Yield the tables of instances and of their areas in the subsets of a split.

    Args:
        groups: rows of :func:`class_table` of each subset.
        images: number of images of each subset.
        title: title of the tables.

    Source: dang2020, Table I.
    """
    sizes = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in images.items())
    instances = {name: [f"{row['instances']:,}" for row in rows] for name, rows in groups.items()}
    areas = {
        name: [_percent(row["mean_area_share"]) for row in rows] for name, rows in groups.items()
    }
    first = next(iter(groups.values()))
    yield _subset_table(first, instances, f"instances, {title}", f"images: {sizes}")
    caption = "mean area per instance, in percent of its image"
    yield _subset_table(first, areas, f"area, {title}", caption)


def _subset_table(
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, Sequence[str]],
    title: str,
    caption: str,
) -> Table:
    table = new_table(title, caption)
    table.add_column("class", overflow="fold")
    add_score_columns(table, [name.replace("_", " ") for name in columns])
    for row, *cells in zip(rows, *columns.values(), strict=True):
        table.add_row(Text(row["name"]), *cells)
    return table


def _percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100 * fraction:.2f}"
