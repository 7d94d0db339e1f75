"""Counts a dataset and writes what it counted."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clothseg.commands.dataset.context import Context
from clothseg.commands.dataset.statistics.counting import (
    INSTANCES_ARE,
    Counts,
    breakdowns,
    class_rows,
    classes_per_image,
    count_further,
    count_photos,
    distribution,
    image_rows,
)
from clothseg.files import write_csv, write_json
from clothseg.report.tables import class_table
from clothseg.screen import console


def act(context: Context) -> int:
    """Count a dataset and write tables and figures.

    Raises:
        DataError: a sample is defective, or a file cannot be written.
    """
    counts = count_photos(context.reader, context.labels)
    rows = class_rows(counts, context.labels)
    folder, labels = context.output / "statistics", context.labels
    further = count_further(context.reader)
    write_json(folder / "statistics.json", _summary(context, counts, rows) | {"further": further})
    _write_csv(folder / "classes.csv", rows)
    _write_csv(folder / "images.csv", image_rows(counts))
    for key, parts in breakdowns(counts).items():
        split = [{key: name} | row for name, c in parts.items() for row in class_rows(c, labels)]
        _write_csv(folder / f"classes_by_{key}.csv", split)
    for kind, named in further.items():
        _write_csv(folder / f"{kind}.csv", named)
    _draw(context, counts, rows, folder)
    _draw_further(context, further, len(counts.samples), folder)
    console.print(class_table(rows, f"{context.name} in {labels.name}", _caption(counts)))
    console.print(f"written to {folder}", soft_wrap=True, markup=False)
    return 0


def _summary(context: Context, counts: Counts, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All that is in `statistics.json`."""
    return {
        "dataset": context.name,
        "labels": context.labels.name,
        "images": len(counts.samples),
        "pixels": int(counts.pixels.sum()),
        "instances_are": _meaning(counts),
        "classes": rows,
        "classes_per_image": distribution(classes_per_image(counts)),
        "instances_per_image": distribution(counts.instances.sum(1)),
        "image_heights": distribution(counts.sizes[:, 0]),
        "image_widths": distribution(counts.sizes[:, 1]),
    } | {
        f"classes_by_{key}": {
            name: class_rows(part, context.labels) for name, part in parts.items()
        }
        for key, parts in breakdowns(counts).items()
    }


def _meaning(counts: Counts) -> str:
    """What is counted as an instance."""
    meanings = [INSTANCES_ARE[kind] for kind in (True, False) if (counts.objects == kind).any()]
    return "; in other photos ".join(meanings)


def _caption(counts: Counts) -> str:
    return (
        f"{len(counts.samples)} photos. Instances are {_meaning(counts)}; those of the background "
        "are not counted. Area: mean of an instance, in pixels and in percent of its photo."
    )


def _draw(context: Context, counts: Counts, rows: Sequence[dict[str, Any]], folder: Path) -> None:
    from clothseg.report.dataset_figures import (
        draw_class_bars,
        draw_count_histogram,
        draw_size_histograms,
    )

    names = [row["name"] for row in rows]
    title = f"{context.name} in {context.labels.name}, {len(counts.samples)} photos"
    for key in ("pixels", "images", "instances"):
        values = [row[key] for row in rows]
        total = sum(values) if key != "images" else len(counts.samples)
        draw_class_bars(values, total, names, folder / f"{key}_per_class.png", key, title)
    for key, numbers in (
        ("classes", classes_per_image(counts)),
        ("instances", counts.instances.sum(1)),
    ):
        draw_count_histogram(numbers, folder / f"{key}_per_image.png", f"{key} in a photo", title)
    draw_size_histograms(counts.sizes, folder / "image_sizes.png", title)


def _draw_further(
    context: Context, further: Mapping[str, Sequence[dict[str, Any]]], photos: int, folder: Path
) -> None:
    from clothseg.report.dataset_figures import draw_class_bars

    for kind, rows in further.items():
        seen = rows[1:]  # without `none`, which every photo has
        names, images = [row["name"] for row in seen], [row["images"] for row in seen]
        path, title = (
            folder / f"images_per_{kind}.png",
            f"{kind} in {context.name}, {photos} photos",
        )
        draw_class_bars(images, photos, names, path, "images", title, kind)


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    write_csv(path, list(rows[0]), [list(row.values()) for row in rows])
