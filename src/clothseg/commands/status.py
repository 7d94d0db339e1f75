"""Implementation of `scripts/status.py`: what sweeps and runs are doing."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

from rich.table import Table
from rich.text import Text

from clothseg.config.command_line import check_settings
from clothseg.config.settings import Status
from clothseg.error import DataError, shortened
from clothseg.jobs.progress import time_left, time_text
from clothseg.jobs.sweep_folder import PLAN, read_plan
from clothseg.report.tables import new_table
from clothseg.run.activity import Activity, Doing, activity
from clothseg.run.folders import configuration_folder, records_below
from clothseg.terminal.screen import console, say

STYLES: Mapping[Doing, str] = {
    "done": "green",
    "running": "cyan",
    "waiting": "dim",
    "interrupted": "yellow",
    "dead": "bold red",
    "failed": "bold red",
}
"""States in the order of their counts, with their colors."""


@dataclass(frozen=True)
class Watched:
    """Run with its activity.

    Args:
        configuration: name of its configuration.
        fold: tested fold; None without folds.
        activity: what it is doing.
    """

    configuration: str
    fold: int | None
    activity: Activity

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.configuration if self.fold is None else f"{self.configuration} fold {self.fold}"


def status_command(overrides: list[str]) -> int:
    """Show the sweeps and runs below a folder; return the exit status.

    Raises:
        ConfigError: the command line is invalid.
        DataError: there is no such folder, or nothing in it.
    """
    settings = check_settings(overrides, "status", Status)
    root = Path(settings.runs)
    if not root.is_dir():
        raise DataError(f"runs={root} is not a folder, so there are no runs in it")
    seen: set[Path] = set()
    sweeps = {}
    for path in sorted(root.rglob(PLAN)):
        try:
            sweeps[path] = _planned(path, seen)
        except DataError as error:
            say(f"warning: left out: {error}")
    others = [run.folder for run in records_below(root, "status.json")]
    alone = [folder for folder in others if folder.resolve() not in seen]
    if not sweeps and not alone:
        raise DataError(f"runs={root}: no run and no sweep in this folder or below has begun")
    for path, jobs in sweeps.items():
        name = path.parent.name if path.parent == root else str(path.parent.relative_to(root))
        console.print(_table(jobs, name, settings.jobs))
    if alone:
        runs = [_unplanned(folder, root) for folder in alone]
        console.print(_table(runs, "runs of no sweep" if sweeps else "runs", settings.jobs))
    return 0


def _planned(path: Path, seen: set[Path]) -> list[Watched]:
    """Look at the jobs of a sweep, and add their folders to those that were seen.

    Raises:
        DataError: the list of its jobs is damaged.
    """
    jobs = []
    for job in read_plan(path)["jobs"]:
        folder = (path.parent / job["run"]).resolve()
        seen.add(folder)
        jobs.append(Watched(job["name"], job["fold"], activity(folder)))
    return jobs


def _unplanned(folder: Path, root: Path) -> Watched:
    """Look at a run without a sweep, which is named by its folder."""
    configuration = configuration_folder(folder)
    fold = folder.name.rpartition("-")[2] if configuration != folder else ""
    inside = configuration != root and configuration.is_relative_to(root)
    name = str(configuration.relative_to(root)) if inside else configuration.name
    return Watched(name, int(fold) if fold else None, activity(folder))


def _table(runs: Sequence[Watched], title: str, jobs: int) -> Table:
    """Table of a sweep, with a line per job, or per configuration if there are more than `jobs`."""
    table = new_table(title, summary([run.activity for run in runs]))
    table.add_column("run", overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("detail", overflow="fold")
    if len(runs) <= jobs:
        for run in runs:
            doing = run.activity.doing
            table.add_row(run.name, Text(doing, style=STYLES[doing]), detail(run.activity))
        return table
    groups: dict[str, list[Activity]] = {}
    for run in runs:
        groups.setdefault(run.configuration, []).append(run.activity)
    for name, group in groups.items():
        worst = max((one.doing for one in group), key=list(STYLES).index)
        details = dict.fromkeys(text for one in group if (text := detail(one)))
        table.add_row(name, Text(counts(group), style=STYLES[worst]), "; ".join(details))
    return table


def summary(runs: Sequence[Activity]) -> str:
    """Describe a sweep: `7 of 20 done, 2 running, 1 failed, 12 min left`."""
    number = Counter(run.doing for run in runs)
    parts = [f"{number['done']} of {len(runs)} done"]
    parts += [f"{number[doing]} {doing}" for doing in STYLES if doing != "done" and number[doing]]
    left = seconds_left(runs)
    return ", ".join([*parts, *([] if isnan(left) else [f"{time_text(left)} left"])])


def counts(runs: Iterable[Activity]) -> str:
    """Count the states of the runs of a configuration: `3 done, 1 running`."""
    number = Counter(run.doing for run in runs)
    return ", ".join(f"{number[doing]} {doing}" for doing in STYLES if number[doing])


def seconds_left(runs: Sequence[Activity]) -> float:
    """Estimate the time until all runs have ended; NaN if nothing runs, or too little is known."""
    running = [run.seconds_left for run in runs if run.doing == "running"]
    known = [seconds for seconds in running if not isnan(seconds)]
    ended = [run.seconds for run in runs if run.doing == "done" and not isnan(run.seconds)]
    waiting = sum(run.doing == "waiting" for run in runs)
    if not running or (waiting and not ended) or not (known or ended):
        return float("nan")
    mean = sum(ended) / len(ended) if ended else max(known)
    remaining = [mean if isnan(seconds) else seconds for seconds in running]
    return time_left(remaining, waiting, mean, len(running))


def detail(run: Activity) -> str:
    """Describe a run that is not done: its epoch, host and last sign of life, or its error."""
    parts = []
    if run.doing == "running":
        parts.append(f"epoch {run.epoch}/{run.epochs}" if run.epochs else f"epoch {run.epoch}")
    if run.host:
        parts.append(f"on {shortened(run.host, 60)}")
    if not isnan(run.silent):
        parts.append(f"sign of life {time_text(run.silent)} ago")
    if not isnan(run.seconds_left):
        parts.append(f"{time_text(run.seconds_left)} left")
    if run.doing == "dead" and not run.host:
        parts.append("its process has ended without a result")
    if run.error:
        parts.append(shortened(run.error.strip().partition("\n")[0], 200))
    return ", ".join(parts)
