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


@dataclass(frozen=True)
class Planned:
    """Sweep or search.

    Args:
        runs: its jobs.
        folders: their folders.
        trials: numbers of trials of a search in words; empty for a sweep.
        unplanned: number of jobs of a search that are not planned yet, if no trial is pruned.
    """

    runs: Sequence[Watched]
    folders: Sequence[Path]
    trials: str = ""
    unplanned: int = 0


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
    sweeps: dict[Path, Planned] = {}
    for path in sorted(root.rglob(PLAN)):
        try:
            sweeps[path] = _planned(path)
        except DataError as error:
            say(f"warning: left out: {error}")
    seen = {folder for sweep in sweeps.values() for folder in sweep.folders}
    others = [run.folder for run in records_below(root, "status.json")]
    alone = [folder for folder in others if folder.resolve() not in seen]
    if not sweeps and not alone:
        raise DataError(f"runs={root}: no run and no sweep in this folder or below has begun")
    for path, sweep in sweeps.items():
        name = path.parent.name if path.parent == root else str(path.parent.relative_to(root))
        console.print(_table(sweep.runs, name, settings.jobs, sweep))
    if alone:
        runs = [_unplanned(folder, root) for folder in alone]
        console.print(_table(runs, "runs of no sweep" if sweeps else "runs", settings.jobs))
    return 0


def _planned(path: Path) -> Planned:
    """Look at the jobs of a sweep or a search.

    Raises:
        DataError: the list of its jobs is damaged.
    """
    plan = read_plan(path)
    folders = [_run_folder(path, job["run"]) for job in plan["jobs"]]
    runs = [
        Watched(job["name"], job["fold"], activity(folder))
        for job, folder in zip(plan["jobs"], folders, strict=True)
    ]
    trials = plan.get("trials")
    if trials is None:
        return Planned(runs, folders)
    ended = [f"{trials[name]} {name}" for name in ("pruned", "failed") if trials[name]]
    texts = [f"{trials['complete']} of {trials['total']} trials complete", *ended]
    begun = Counter(job["trial"] for job in plan["jobs"] if "trial" in job)
    folds = max(begun.values(), default=1)
    return Planned(runs, folders, ", ".join(texts), folds * max(0, trials["total"] - len(begun)))


def _run_folder(path: Path, run: str) -> Path:
    """Return the folder of a job in a list, with the links in its path resolved.

    Raises:
        DataError: there can be no such folder.
    """
    try:
        return (path.parent / run).resolve()
    except (ValueError, RuntimeError) as error:  # a null character; links in a circle
        raise DataError(f"{path} is damaged (run={shortened(ascii(run))}: no folder)") from error


def _unplanned(folder: Path, root: Path) -> Watched:
    """Look at a run without a sweep, which is named by its folder."""
    configuration = configuration_folder(folder)
    fold = folder.name.rpartition("-")[2] if configuration != folder else ""
    inside = configuration != root and configuration.is_relative_to(root)
    name = str(configuration.relative_to(root)) if inside else configuration.name
    return Watched(name, int(fold) if fold else None, activity(folder))


def _table(runs: Sequence[Watched], title: str, jobs: int, planned: Planned | None = None) -> Table:
    """Table of a sweep, with a line per job, or per configuration if there are more than `jobs`."""
    counted = summary([run.activity for run in runs], planned.unplanned if planned else 0)
    trials = f"{planned.trials}; folds: " if planned and planned.trials else ""
    table = new_table(title, trials + counted)
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


def summary(runs: Sequence[Activity], unplanned: int = 0) -> str:
    """Describe a sweep: `7 of 20 done, 2 running, 1 failed, 12 min left`.

    Args:
        runs: its jobs.
        unplanned: number of further jobs, for the time that is left.
    """
    number = Counter(run.doing for run in runs)
    parts = [f"{number['done']} of {len(runs)} done"]
    parts += [f"{number[doing]} {doing}" for doing in STYLES if doing != "done" and number[doing]]
    left = seconds_left(runs, unplanned)
    return ", ".join([*parts, *([] if isnan(left) else [f"{time_text(left)} left"])])


def counts(runs: Iterable[Activity]) -> str:
    """Count the states of the runs of a configuration: `3 done, 1 running`."""
    number = Counter(run.doing for run in runs)
    return ", ".join(f"{number[doing]} {doing}" for doing in STYLES if number[doing])


def seconds_left(runs: Sequence[Activity], unplanned: int = 0) -> float:
    """Estimate the time until all runs have ended; NaN if nothing runs, or too little is known."""
    running = [run.seconds_left for run in runs if run.doing == "running"]
    known = [seconds for seconds in running if not isnan(seconds)]
    ended = [run.seconds for run in runs if run.doing == "done" and not isnan(run.seconds)]
    waiting = unplanned + sum(run.doing == "waiting" for run in runs)
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
