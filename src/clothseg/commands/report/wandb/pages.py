"""Workspace and report of the same runs: built, written to a file, saved at Weights & Biases."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clothseg.commands.report.wandb.content import Groups, content_of, select
from clothseg.commands.report.wandb.views import build_report, build_workspace
from clothseg.files import write_json

Plain = dict[str, Any]


@dataclass(frozen=True)
class Pages:
    """Workspace and report.

    Args:
        workspace: a :class:`wandb_workspaces.workspaces.Workspace`.
        report: a :class:`wandb_workspaces.reports.v2.Report`.
    """

    workspace: Any
    report: Any

    @classmethod
    def of(cls, groups: Groups, title: str, project: str, entity: str = "") -> "Pages":
        """Build the pages of configurations; needs no network.

        Args:
            groups: finished folds of each configuration, or its only run.
            title: title of both pages.
            project: project of the runs.
            entity: its owner; empty while nothing is saved.
        """
        content, selected = content_of(groups), select(groups)
        place = title, project, entity
        workspace = build_workspace(content, selected, *place)
        return cls(workspace, build_report(content, selected, *place))

    def plain(self) -> Plain:
        """Return what is sent when the pages are saved."""
        return {"workspace": _plain(self.workspace), "report": _plain(self.report)}

    def write(self, path: Path, saved: Mapping[str, str]) -> None:
        """Write the pages as JSON.

        Args:
            path: the file.
            saved: address of each page that has been saved.

        Raises:
            WriteError: the file cannot be written.
        """
        write_json(path, {"saved": dict(saved), **self.plain()})


def _plain(page: Any) -> Plain:
    """Convert a page as the library does when it saves it."""
    text = page._to_model().model_dump_json(by_alias=True, exclude_none=True)
    plain: Plain = json.loads(text)
    return plain
