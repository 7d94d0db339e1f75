"""Content of pages of results with made-up numbers, and records that a page shows."""

from pathlib import Path

import numpy as np

from clothseg.files import write_arrays
from clothseg.report.mean_curves import mean_curve
from clothseg.report.page.content import (
    Chapter,
    Comparison,
    Configuration,
    Interval,
    Page,
    RunTable,
    Standing,
)
from clothseg.report.paper_table import Line, PaperTable, Quantity
from clothseg.run.tables import IMAGE_SCORES, write_history
from support.finished_run import write_finished

IOU = Quantity("mean_iou", "IoU", 100.0)


def configuration(number, classes, epochs=10, runs=2, seed=0):
    """Configuration with random scores, named by its number."""
    generator = np.random.default_rng([seed, number])
    matrix = generator.integers(0, 50, (classes, classes)) + np.diag([1000] * classes)
    histories = [
        [{"epoch": e + 1, "val/mean_iou": generator.random(), "val/loss": 1 / (e + 1)}
         for e in range(epochs)]
        for _ in range(runs)
    ]  # fmt: skip
    keys = ("val/mean_iou", "val/loss")
    return Configuration(
        name=f"loss=l{number}",
        label=f"l{number}",
        settings={"loss": f"l{number}", "optimizer.lr": "0.1"},
        folders=[Path(f"run-{k}") for k in range(runs)],
        iou=generator.random(classes),
        matrix=matrix,
        curves={key: mean_curve(histories, key) for key in keys},
    )


def chapter(number=3, classes=4, names=(), **changes):
    """Chapter with a number of configurations, whose mean IoU falls by one percent each."""
    names = names or [f"class {k}" for k in range(classes)]
    classes = len(names)
    found = [configuration(k, classes) for k in range(number)]
    values = [{"mean_iou": {"mean": 0.9 - k / 100, "std": 0.01}} for k in range(number)]
    lines = [Line(one.name, 2, 1, v, False, False) for one, v in zip(found, values, strict=True)]
    score = Interval(50.0, 45.0, 55.0)
    standings = [Standing(score, score, 0.01, "worse") for _ in found]
    content = {
        "title": "ccp, refined15",
        "classes": names,
        "common": {"model": "unet"},
        "table": PaperTable([IOU], lines, "Scores in percent"),
        "configurations": found,
        "comparison": Comparison("test IoU, percent", "and all others", standings),
        "shown": number,
        "noun": "fold",
        "runs": RunTable(
            ["configuration", "fold"], [[one.label, "0"] for one in found], range(number)
        ),
        "colors": ["#000000"] * classes,
    }
    return Chapter(**(content | changes))


def page(*chapters, notes=()):
    """Page of chapters."""
    return Page("Results", chapters or [chapter()], notes)


def write_run(folder, *overrides, scores=(0.5,), **keywords):
    """Write the record of a finished run with its history and the scores of three test images.

    Args:
        folder: run folder.
        overrides: arguments of the command.
        scores: validation IoU of each epoch.
        keywords: see :func:`support.finished_run.write_finished`.
    """
    folder.mkdir(parents=True)
    rows = [
        {"epoch": epoch, "val/mean_iou": score, "val/loss": 1.0}
        for epoch, score in enumerate(scores, start=1)
    ]
    write_history(rows, folder)
    correct = [90, 50, 70]  # of a hundred pixels of the background, and ten of a hundred others
    counts = [[[hit, 10], [10, 0], [100 - hit, 90]] for hit in correct]
    arrays = {
        "names": np.array(["good", "bad", "fair"]),
        "counts": np.array(counts, np.int64),
        "iou_plus": np.full((3, 2), np.nan),
    }
    write_arrays(folder / IMAGE_SCORES, arrays)
    return write_finished(folder, *overrides, **keywords)
