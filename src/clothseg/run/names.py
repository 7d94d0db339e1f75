"""Names that distinguish runs and configurations; does not import torch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from clothseg.run.folders import configuration_folder
from clothseg.run.signature import is_irrelevant

FOLD_KEY = "split.fold"


class Named(Protocol):
    """Run with a folder and with the content of its `config.yaml`, such as a record."""

    @property
    def folder(self) -> Path:
        """Run folder."""

    @property
    def config(self) -> Mapping[str, Any]:
        """Recorded configuration: `choices`, `overrides` and the resolved `config`."""


def run_names(runs: Sequence[Named], folds: bool = True) -> list[str]:
    """Names that distinguish the runs: options and overrides of their command lines.

    Options that follow from others are omitted. Runs that cannot be distinguished otherwise are
    named by their folders.

    Args:
        runs: the runs.
        folds: distinguish the folds of a cross-validation; False if each run stands for all folds.
    """
    commands = [_command(run, folds) for run in runs]
    keys = list(dict.fromkeys(key for _, command in commands for key in command))
    distinct = [key for key in keys if len({command.get(key) for _, command in commands}) > 1]
    typed = {key for overrides, _ in commands for key in overrides}

    def names_by(keys: Sequence[str]) -> list[str]:
        return [" ".join(f"{k}={c[k]}" for k in keys if k in c) for _, c in commands]

    implied = [key for key in distinct if key not in typed and key != "experiment"]
    for key in ["experiment", *implied]:  # an experiment implies all other options
        fewer = [other for other in distinct if other != key]
        if len(set(names_by(fewer))) == len(set(names_by(distinct))):
            distinct = fewer
    names = names_by(distinct)
    counts = Counter(names)
    return [
        name if counts[name] == 1 else f"{name} {_folder(run, folds)}".lstrip()
        for name, run in zip(names, runs, strict=True)
    ]


def configuration_names(runs: Sequence[Named]) -> list[str]:
    """Names of the configurations of runs, which their folds and seeds share."""
    firsts = {configuration_folder(run.folder): run for run in reversed(runs)}
    names = dict(zip(firsts, run_names([*firsts.values()], folds=False), strict=True))
    return [without_seed(names[configuration_folder(run.folder)]) for run in runs]


def without_seed(name: str) -> str:
    """Return the name that a configuration has with any seed."""
    return " ".join(word for word in name.split() if not word.startswith("seed="))


def _folder(run: Named, folds: bool) -> Path:
    return run.folder if folds else configuration_folder(run.folder)


def _command(run: Named, folds: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Return the overrides of a run, and with its options all that can affect its result."""
    recorded = run.config
    parts = [text.lstrip("+~").partition("=") for text in recorded["overrides"]]
    typed = {key: value for key, _, value in parts if folds or key != FOLD_KEY}
    command = typed | recorded["choices"]  # these name a function that replaces that of an option
    relevant = (*([FOLD_KEY] if folds else []), *(key for key in command if not is_irrelevant(key)))
    return typed, {key: str(command[key]) for key in dict.fromkeys(relevant) if key in command}
