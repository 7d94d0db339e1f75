"""Compute the statistics of a dataset and write them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clothseg.cache import open_census
from clothseg.commands.dataset.context import Context
from clothseg.commands.dataset.statistics.counting import (
    INSTANCE_MEANINGS,
    Counts,
    break_down,
    class_rows,
    classes_per_image,
    count_further_maps,
    distribution,
    image_rows,
)
from clothseg.error import ConfigError
from clothseg.files import write_csv, write_json
from clothseg.report.dataset_tables import class_table, subset_tables
from clothseg.run.record import Record
from clothseg.split import Split
from clothseg.terminal.screen import console


def act(context: Context) -> int:
    """Compute the statistics of a dataset and write tables and figures.

    Raises:
        ConfigError: `split` is no run folder.
        DataError: a sample is defective, the run has no split or other images, or a file cannot be
            written.
    """
    cache = Path(context.settings.data.cache)
    run = context.settings.split
    split = None if run is None else _split_of(Path(run))
    counts = Counts.of(open_census(context.reader, context.labels, cache))
    groups = break_down(counts, split)
    rows = class_rows(counts, context.labels)
    folder, labels = context.output / "statistics", context.labels
    further = count_further_maps(context.reader)
    by_group = {
        key: {name: class_rows(group, labels) for name, group in parts.items()}
        for key, parts in groups.items()
    }
    summary = _summary(context, counts, rows)
    summary |= {f"classes_by_{key}": parts for key, parts in by_group.items()}
    summary["division"] = None if split is None else split.division
    write_json(folder / "statistics.json", summary | {"further": further})
    _write_csv(folder / "classes.csv", rows)
    _write_csv(folder / "images.csv", image_rows(counts))
    for key, parts in by_group.items():
        flat = [{key: name} | row for name, part_rows in parts.items() for row in part_rows]
        _write_csv(folder / f"classes_by_{key}.csv", flat)
    for kind, kind_rows in further.items():
        _write_csv(folder / f"{kind}.csv", kind_rows)
    _draw(context, counts, rows, folder)
    if further:
        _draw_further_maps(context, rows, further, len(counts.samples), folder)
    console.print(class_table(rows, f"{context.name} in {labels.name}", _caption(counts)))
    if split is not None:
        images = {name: len(part.samples) for name, part in groups["subset"].items()}
        console.print(*subset_tables(by_group["subset"], images, f"{run}"))
    console.print(f"written to {folder}", soft_wrap=True, markup=False)
    return 0


def _split_of(run: Path) -> Split:
    """Read the split of a run.

    Raises:
        ConfigError: the folder contains no run.
        DataError: the split is damaged.
    """
    record = Record(run)
    try:
        _ = record.config
    except ConfigError as error:
        raise ConfigError([f"split: {problem}" for problem in error.problems]) from error
    return record.split


def _summary(context: Context, counts: Counts, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the content of `statistics.json`, except for further maps."""
    return {
        "dataset": context.name,
        "labels": context.labels.name,
        "fingerprint": context.reader.fingerprint(),
        "images": len(counts.samples),
        "pixels": int(counts.pixels.sum()),
        "instances_are": _instance_meaning(counts),
        "classes": rows,
        "classes_per_image": distribution(classes_per_image(counts)),
        "instances_per_image": distribution(counts.instances.sum(1)),
        "image_heights": distribution(counts.sizes[:, 0]),
        "image_widths": distribution(counts.sizes[:, 1]),
    }


def _instance_meaning(counts: Counts) -> str:
    """Describe the objects that are counted as instances."""
    meanings = [INSTANCE_MEANINGS[kind] for kind in (True, False) if (counts.objects == kind).any()]
    return "; in other images ".join(meanings)


def _caption(counts: Counts) -> str:
    return (
        f"{len(counts.samples)} images. Instances are {_instance_meaning(counts)}; background "
        "instances are not counted. Area: mean per instance, in pixels and in percent of its image."
    )


def _draw(context: Context, counts: Counts, rows: Sequence[dict[str, Any]], folder: Path) -> None:
    from clothseg.report.dataset_figures import (
        draw_class_bars,
        draw_count_histogram,
        draw_size_histograms,
    )

    names = [row["name"] for row in rows]
    title = f"{context.name} in {context.labels.name}, {len(counts.samples)} images"
    for key in ("pixels", "images", "instances"):
        values = [row[key] for row in rows]
        total = sum(values) if key != "images" else len(counts.samples)
        draw_class_bars(values, total, names, folder / f"{key}_per_class.png", key, title)
    for key, numbers in (
        ("classes", classes_per_image(counts)),
        ("instances", counts.instances.sum(1)),
    ):
        draw_count_histogram(numbers, folder / f"{key}_per_image.png", f"{key} per image", title)
    draw_size_histograms(counts.sizes, folder / "image_sizes.png", title)


def _draw_further_maps(
    context: Context,
    classes: Sequence[dict[str, Any]],
    further: Mapping[str, Sequence[dict[str, Any]]],
    count: int,
    folder: Path,
) -> None:
    from clothseg.report.dataset_figures import draw_class_bars, draw_images_per_label

    # Without the background and `none`, which every image has.
    images = {
        kind: {row["name"]: row["images"] for row in rows[1:]}
        for kind, rows in {"class": classes, **further}.items()
    }
    for kind in further:
        names, values = list(images[kind]), list(images[kind].values())
        path, title = (
            folder / f"images_per_{kind}.png",
            f"{kind} in {context.name}, {count} images",
        )
        draw_class_bars(values, count, names, path, "images", title, kind)
    title = f"{context.name} in {context.labels.name}, {count} images"
    draw_images_per_label(images, count, folder / "images_per_label.png", title)


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    write_csv(path, list(rows[0]), [list(row.values()) for row in rows])
