"""Pages of results.

This module does not import torch.
"""

from collections.abc import Sequence

from clothseg.error import abbreviate
from clothseg.report.page.content import Chapter, Page
from clothseg.run.comparison.tables import ComparedTables
from clothseg.run.configurations import combine_seeds, group_folds, missing_folds
from clothseg.run.finished import FinishedRun
from clothseg.run.page.chapter import chapter
from clothseg.run.page.images import ImageMeans


def results_page(runs: Sequence[FinishedRun], title: str, notes: Sequence[str] = ()) -> Page:
    """Collect what a page shows of runs, one chapter for each dataset and label space.

    Args:
        runs: the runs, at least one.
        title: title of the page.
        notes: what was left out so far, one sentence each.
    """
    spaces: dict[tuple[str, ...], list[FinishedRun]] = {}
    for run in runs:
        spaces.setdefault(_space(run), []).append(run)
    remarks = list(notes)
    found = [_chapter(group, remarks) for group in spaces.values()]
    chapters = [one for one in found if one is not None]
    if len(chapters) > 1:
        remarks.append(
            f"The runs are of {len(chapters)} datasets or label spaces, whose scores cannot be "
            "compared; each has tables of its own."
        )
    return Page(title, chapters, remarks)


def sweep_page(tables: ComparedTables, title: str) -> Page:
    """Collect what a page shows of configurations that have been compared already.

    Args:
        tables: the configurations and their comparison.
        title: title of the page.
    """
    names = tables.configurations.repeats
    runs = [run for name in names for run in tables.configurations.runs(name)]
    if len({*map(_space, runs)}) > 1:
        return results_page(runs, title)
    remarks: list[str] = []
    return Page(title, [chapter(tables, ImageMeans(tables.read), remarks.append)], remarks)


def _space(run: FinishedRun) -> tuple[str, ...]:
    """Dataset, label space and classes, which runs must share to be compared."""
    choices = run.config["choices"]
    classes = (row["name"] for row in run.metrics["test"]["per_class"])
    return (choices.get("dataset", ""), choices.get("labels", ""), *classes)


def _chapter(runs: Sequence[FinishedRun], remarks: list[str]) -> Chapter | None:
    """Compare configurations of a dataset and a label space; None if none can be compared."""
    groups = group_folds(runs, lambda reason: remarks.append(f"Left out: {reason}."))
    if not groups:
        return None
    if missing := missing_folds(groups):
        dataset, labels, *_ = _space(runs[0])
        remarks.append(f"{dataset}, {labels}: not all folds are finished: {abbreviate(missing)}")
    means = ImageMeans()
    return chapter(ComparedTables(combine_seeds(groups), means.read), means, remarks.append)
