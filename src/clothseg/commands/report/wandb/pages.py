"""Workspace and report of the same runs: built, written to a file, saved at Weights & Biases."""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, with_config
from typing_extensions import TypedDict

from clothseg.commands.report.wandb.content import Groups, content_of, select
from clothseg.commands.report.wandb.views import build_report, build_workspace
from clothseg.error import DataError, first_line
from clothseg.files import write_json
from clothseg.json_file import STRICT, Plain, read_json
from clothseg.logger import wandb_client as client


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

    def save(self, saved: "Saved | None") -> "Saved":
        """Save the pages at the service, in place of those that were saved before.

        Args:
            saved: the pages of an earlier command; None creates new ones.

        Raises:
            DataError: the service did not take them.
        """
        if saved:
            self.workspace._internal_id, self.workspace._internal_name = saved["workspace"]
            self.report.id = saved["report"]
        for page in (self.workspace, self.report):
            try:
                with client.silent():
                    page.save()
            except Exception as error:  # of the library, of the client and of its transport
                raise DataError(
                    f"the {type(page).__name__.lower()} could not be saved at Weights & Biases "
                    f"({first_line(error)}); the runs are there, and the same command tries again"
                ) from error
        return {
            "entity": self.report.entity,
            "project": self.report.project,
            "workspace": [self.workspace._internal_id, self.workspace._internal_name],
            "report": self.report.id,
        }

    @property
    def addresses(self) -> list[str]:
        """Addresses of the saved pages."""
        with client.silent():
            return [self.workspace.url, self.report.url]

    def write(self, path: Path, saved: "Saved | None") -> None:
        """Write the pages as JSON.

        Args:
            path: the file.
            saved: what was saved at the service, so that it is found again.

        Raises:
            WriteError: the file cannot be written.
        """
        write_json(path, {"saved": saved, **self.plain()})


@with_config(STRICT)
class Saved(TypedDict):
    """Pages that were saved at the service."""

    entity: str
    project: str
    workspace: Annotated[list[str], Field(min_length=2, max_length=2)]
    """Id and name."""
    report: str
    """Id."""


@with_config(STRICT)
class _Written(TypedDict):
    saved: Saved | None


def saved_pages(path: Path) -> Saved | None:
    """Read from a file of :meth:`Pages.write` what was saved; None if there is none."""
    with contextlib.suppress(DataError):
        saved: Saved | None = read_json(path, _Written, "")["saved"]
        return saved
    return None


def _plain(page: Any) -> Plain:
    """Convert a page as the library does when it saves it."""
    text = page._to_model().model_dump_json(by_alias=True, exclude_none=True)
    plain: Plain = json.loads(text)
    return plain
