"""`action=fill`: train the runs that tables lack, one command after the other."""

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from clothseg.commands.main import main
from clothseg.commands.tables.shelf import BUDGETS, Shelf
from clothseg.config.table.experiment import dataset_of, sources_of
from clothseg.error import ConfigError, DataError, UserError
from clothseg.run.demand import Demand
from clothseg.run.environment import code_version
from clothseg.terminal.screen import say

DRAWN = "drawn"
"""Folder of drawn datasets, below that of the runs."""
NUM_DRAWN = 40
"""Images of each drawn dataset, enough for every split of a paper at a small budget."""
INTERRUPTED = 130
"""Exit status of a command after Ctrl-C."""


def drawn_folders(runs: Path, budget: str) -> dict[str, str]:
    """Folders of drawn datasets, for a command that names no folder of real ones.

    Raises:
        ConfigError: the budget is that of the paper, for which drawn people are no substitute.
    """
    if budget == BUDGETS[0]:
        raise ConfigError(
            [
                "data: action=fill with the full budget needs the folders of the datasets, such as "
                "data=<folder> with a subfolder for each; budget=small and budget=smoke draw people"
            ]
        )
    return {name: str(runs / DRAWN / name) for name in DATASETS}


DATASETS = ("ccp", "cfpd", "imaterialist", "modanet", "cihp", "ccihp")
"""Datasets of the papers, which are the names of their folders."""


def draw_missing(datasets: Iterable[str], folders: Mapping[str, str]) -> None:
    """Draw people in the layout of each dataset that has no folder yet.

    Args:
        datasets: options of `conf/dataset`.
        folders: folder of each source by its name.

    Raises:
        DataError: a dataset cannot be drawn.
    """
    sources = dict.fromkeys(source for dataset in datasets for source in sources_of(dataset))
    for source in sources:
        if not Path(folders[source]).is_dir():
            words = [f"dataset={source}", f"dataset.root={folders[source]}"]
            if main("dataset", ["action=draw", *words, f"num_images={NUM_DRAWN}"]):
                raise DataError(f"{folders[source]}: the dataset {source} could not be drawn")


def train(demands: Iterable[Demand], shelf: Shelf, budget: str) -> list[str]:
    """Train what demands lack: finished runs are skipped, and interrupted ones resumed.

    Demands that differ in their experiment only are one command, whose jobs run in parallel.

    Returns:
        The commands that failed.

    Raises:
        KeyboardInterrupt: Ctrl-C ended a command.
    """
    commands = [shelf.words(group, budget) for group in grouped(demands, shelf)]
    failed = []
    for number, words in enumerate(commands, start=1):
        line = shlex.join(["python", "train.py", *words])
        say(f"{number} of {len(commands)}: {line}")
        ended = subprocess.run([sys.executable, "-m", "clothseg", "train", *words], check=False)
        if ended.returncode == INTERRUPTED:
            raise KeyboardInterrupt
        if ended.returncode:
            failed.append(f"failed: {line}")
    return failed


def count(commands: Iterable[Sequence[str]]) -> list[str]:
    """Count or draw datasets by `scripts/dataset.py`, each once; return what failed."""
    failed = []
    for words in dict.fromkeys(map(tuple, commands)):
        line = shlex.join(["python", "scripts/dataset.py", *words])
        say(line)
        if main("dataset", words):
            failed.append(f"failed: {line}")
    return failed


def draw(drawing: Callable[[], None]) -> None:
    """Draw a picture for which a network segments images; warn if there is no such image."""
    try:
        drawing()
    except UserError as error:  # which the document of the figure states, too
        say(f"warning: {error}")


def dataset_in(words: Sequence[str]) -> str:
    """Dataset in the arguments of `scripts/dataset.py`."""
    return next(word.partition("=")[2] for word in words if word.startswith("dataset="))


def require_committed() -> None:
    """Refuse to train runs that no table would take.

    Raises:
        DataError: the checkout has uncommitted changes.
    """
    if code_version()["dirty"]:
        raise DataError(
            "the checkout has uncommitted changes, and tables refuse runs that are trained with "
            "them; commit or stash them first (git status lists them)"
        )


def grouped(demands: Iterable[Demand], shelf: Shelf) -> list[Sequence[Demand]]:
    """Group demands whose commands differ in their experiment only.

    Demands of which another one has all seeds are left out.
    """
    groups: dict[tuple[object, ...], list[Demand]] = {}
    distinct = list(dict.fromkeys(demands))
    for demand in distinct:
        more = [o for o in distinct if {*o.seeds} > {*demand.seeds}]
        if any(replace(other, seeds=demand.seeds) == demand for other in more):
            continue
        key = (demand.overrides, demand.shrunk, demand.seeds, *shelf.roots(demand))
        groups.setdefault(key, []).append(demand)
    return list(groups.values())


def datasets_of(demands: Iterable[Demand]) -> list[str]:
    """Datasets of demands, each once."""
    return list(dict.fromkeys(dataset_of(one.experiment, one.overrides) for one in demands))
