"""Recorded runs beside each other, as `scripts/report.py` draws them."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from clothseg.check import check_command
from clothseg.error import DataError
from clothseg.record import Record
from clothseg.report.progress import console
from clothseg.schema import Report
from clothseg.signature import WITHOUT_EFFECT

HISTORY = "history.csv"


def report_command(overrides: list[str]) -> int:
    """Draw what the command line asks for; returns the exit status.

    Raises:
        ConfigError: the command line is wrong.
        DataError: there is no run, or there are too many for one picture.
    """
    settings = Report(**check_command(overrides, "report", Report)[0].config)
    runs = recorded_runs(Path(settings.runs))
    histories = {
        name: read_history(run.folder / HISTORY)
        for name, run in zip(run_names(runs), runs, strict=True)
    }
    from clothseg.report.curves import draw_curves

    output = Path(settings.output)
    draw_curves(histories, settings.scores, output)
    console.print(f"{len(runs)} runs of {settings.runs}")
    console.print(f"written to {output}", soft_wrap=True, markup=False)
    return 0


def recorded_runs(folder: Path) -> list[Record]:
    """All runs below a folder that have finished an epoch, in the order of their paths.

    Raises:
        DataError: there is none.
    """
    runs = [Record(path.parent) for path in sorted(folder.rglob(HISTORY))]
    runs = [run for run in runs if run.status is not None]
    if not runs:
        raise DataError(f"runs={folder}: no run below this folder has a {HISTORY} (logger=csv)")
    return runs


def run_names(runs: Sequence[Record]) -> list[str]:
    """What tells each run from the others: choices and words of its command line.

    Runs that these do not tell apart are called by their folders.
    """
    commands = [_command(run) for run in runs]
    keys = list(dict.fromkeys(key for command in commands for key in command))
    telling = [key for key in keys if len({command.get(key) for command in commands}) > 1]
    names = [
        " ".join(f"{key}={command[key]}" for key in telling if key in command)
        for command in commands
    ]
    counts = Counter(names)
    return [
        name if counts[name] == 1 else f"{name} {run.folder}".lstrip()
        for name, run in zip(names, runs, strict=True)
    ]


def _command(run: Record) -> dict[str, str]:
    """The chosen options and the set keys of a run that can change its result."""
    recorded = run.config
    words = [word.lstrip("+~").partition("=") for word in recorded["overrides"]]
    command = recorded["choices"] | {key: value for key, _, value in words}
    own = ("split.fold", *(key for key in command if key not in WITHOUT_EFFECT))
    return {key: str(command[key]) for key in dict.fromkeys(own) if key in command}


def read_history(path: Path) -> list[dict[str, float]]:
    """The epochs of a run: losses, scores, learning rate and seconds of each."""
    with path.open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
