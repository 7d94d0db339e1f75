"""Workspace and report at Weights & Biases in which configurations are compared.

Both are built and checked without a network. The workspace shows the folds of all configurations,
grouped, beside the table of runs; the report shows one row for each configuration as well.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wandb_workspaces import expr, workspaces
from wandb_workspaces.reports import v2 as wr

from clothseg.commands.report.wandb import panels
from clothseg.commands.report.wandb.panels import Content
from clothseg.commands.report.wandb.selection import Selected
from clothseg.logger import wandb_keys as keys

SECTIONS: Mapping[str, tuple[str, Callable[[Content], list[Any]]]] = {
    "Configurations": (
        "One line for each run, through its options to the score that selects. The table has means "
        "over folds and, in columns with std, standard deviations.",
        panels.parallel_panels,
    ),
    "Scores": (
        "Bars are means over the folds of a configuration, whiskers one standard deviation.",
        panels.score_panels,
    ),
    "Learning curves": (
        "Lines are means over folds, bands one standard deviation. The step is the epoch.",
        panels.curve_panels,
    ),
    "Classes": ("Scores of each class on the test part.", panels.class_panels),
    "Confusion matrices": ("Rows are the ground truth.", panels.confusion_panels),
    "Examples": (
        "Test images with the highest and the lowest mean IoU of each run.",
        panels.example_panels,
    ),
}
"""Title, explanation and panels of each section."""
OPEN = ("Configurations", "Scores", "Learning curves")
"""Sections of the workspace that are open at first."""
OF_CONFIGURATIONS = ("Configurations", "Confusion matrices")
"""Sections of the report with one run for each configuration, that of its mean if there is one."""


def build_workspace(
    content: Content, selected: Selected, title: str, project: str, entity: str
) -> Any:
    """Build a saved view of a project, in which runs are grouped by configuration.

    Args:
        content: what the runs have.
        selected: the runs.
        title: name of the view.
        project: project of the runs.
        entity: its owner; empty while nothing is saved.

    Returns:
        A :class:`wandb_workspaces.workspaces.Workspace`.
    """
    sections = [
        workspaces.Section(name=name, panels=shown, is_open=name in OPEN)
        for name, shown in _panels(content).items()
    ]
    order = expr.Ordering(expr.Summary(keys.SCORE), ascending=content.lower_is_better)
    return workspaces.Workspace(
        entity=entity,
        project=project,
        name=title,
        sections=sections,
        settings=workspaces.WorkspaceSettings(max_runs=panels.MAX_GROUPS),
        runset_settings=workspaces.RunsetSettings(
            filters=selected.trained,
            groupby=[expr.Metric(panels.GROUP)],
            order=[order],
            pinned_columns=_columns(content, content.scores),
        ),
    )


def build_report(
    content: Content, selected: Selected, title: str, project: str, entity: str
) -> Any:
    """Build a report: a table of the configurations, and the panels of the workspace as a page.

    The arguments are those of :func:`build_workspace`.

    Returns:
        A :class:`wandb_workspaces.reports.v2.Report`.
    """
    configurations = wr.Runset(
        name="configurations",
        filters=selected.configurations,
        order=[wr.OrderBy(wr.SummaryMetric(keys.SCORE), ascending=content.lower_is_better)],
        pinned_columns=_columns(content, content.means),
    )
    folds = wr.Runset(name="folds", filters=selected.trained, groupby=[panels.GROUP])
    blocks = [wr.TableOfContents()]
    for name, shown in _panels(content).items():
        runs = configurations if name in OF_CONFIGURATIONS else folds
        blocks += [wr.H1(name), wr.P(SECTIONS[name][0])]
        blocks.append(wr.PanelGrid(runsets=[runs], panels=shown))
    return wr.Report(
        project=project,
        entity=entity,
        title=title,
        description="Written by clothseg; saving it again replaces what was changed here.",
        blocks=blocks,
        width="fluid",
    )


def _panels(content: Content) -> dict[str, list[Any]]:
    """Panels of the sections that have any."""
    found = {name: build(content) for name, (_, build) in SECTIONS.items()}
    return {name: shown for name, shown in found.items() if shown}


def _columns(content: Content, scores: Sequence[str]) -> list[str]:
    """Columns of the table of runs: name, scores, options and keys in which the runs differ."""
    differing = [*map(keys.choices_key, content.options), *content.settings]
    return [
        "run:displayName",
        *(f"summary:{key}" for key in scores),
        *(f"config:{_stored(key)}" for key in differing),
    ]


def _stored(key: str) -> str:
    """Path of a dotted key in the configuration as the service stores it."""
    first, *rest = key.split(".")
    return ".".join([first, "value", *rest])
