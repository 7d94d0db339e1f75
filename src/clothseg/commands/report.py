"""Recorded runs beside each other, as `scripts/report.py` draws them."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from clothseg.config.command_line import check_command
from clothseg.config.schema import Report
from clothseg.error import DataError
from clothseg.run.record import Record
from clothseg.run.signature import IRRELEVANT_KEYS
from clothseg.screen import console

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

    Choices that follow from others are left out. Runs that are not told apart are called by their
    folders.
    """
    commands = [_command(run) for run in runs]
    keys = list(dict.fromkeys(key for _, command in commands for key in command))
    telling = [key for key in keys if len({command.get(key) for _, command in commands}) > 1]
    typed = {key for words, _ in commands for key in words}

    def names(by: Sequence[str]) -> list[str]:
        return [" ".join(f"{k}={c[k]}" for k in by if k in c) for _, c in commands]

    following = [key for key in telling if key not in typed and key != "experiment"]
    for key in ["experiment", *following]:  # it chooses all others
        fewer = [other for other in telling if other != key]
        if len(set(names(fewer))) == len(set(names(telling))):
            telling = fewer
    found = names(telling)
    counts = Counter(found)
    return [
        name if counts[name] == 1 else f"{name} {run.folder}".lstrip()
        for name, run in zip(found, runs, strict=True)
    ]


def _command(run: Record) -> tuple[dict[str, str], dict[str, str]]:
    """The typed keys of a run, and with the chosen options all that can change its result."""
    recorded = run.config
    words = [word.lstrip("+~").partition("=") for word in recorded["overrides"]]
    typed = {key: value for key, _, value in words}
    command = recorded["choices"] | typed
    own = ("split.fold", *(key for key in command if key not in IRRELEVANT_KEYS))
    return typed, {key: str(command[key]) for key in dict.fromkeys(own) if key in command}


def read_history(path: Path) -> list[dict[str, float]]:
    """The epochs of a run: losses, scores, learning rate and seconds of each."""
    with path.open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
