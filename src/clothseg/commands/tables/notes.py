"""Captions and remarks that all tables of runs share: protocol, data, and our decisions."""

from collections.abc import Mapping, Sequence
from typing import Any

from clothseg.commands.tables.shelf import Search, Shelf
from clothseg.config.table.experiment import budget_keys, decisions_of
from clothseg.error import abbreviate
from clothseg.report.document import Note
from clothseg.report.tables import counted
from clothseg.run.demand import Demand
from clothseg.run.signature import is_irrelevant

PLACEHOLDER = "/path/to/"
"""Beginning of the folder of a dataset in a command that names none."""


def protocol(search: Search, shelf: Shelf) -> str:
    """Sentences of a caption: repetitions, shrunk budget, and deviations; each ends in a period."""
    return " ".join(filter(None, [_repetitions(search), deviations(search, shelf)]))


def deviations(search: Search, shelf: Shelf) -> str:
    """Sentences of a caption: shrunk budget, and deviations of the command; may be empty."""
    sentences = []
    if search.budget != "full" and search.found:
        configs = [shelf.compose(demand, search.budget) for demand in search.demands]
        size = _size(search.demands, configs)
        sentences.append(
            f"Shrunk by budget={search.budget} ({size}), so that our numbers are not comparable "
            "with the paper's."
        )
    if shelf.changes:
        changes = ", ".join(shelf.changes)
        sentences.append(f"Unlike the saved experiments: {changes}.")
    return " ".join(sentences)


def _repetitions(search: Search) -> str:
    """Number of repetitions over which the mean and the standard deviation are taken."""
    texts = []
    for one in search.found.values():
        seeds, folds = len(one.demand.seeds), one.folds
        if seeds > 1:
            over = f" of means over {folds} folds" if folds else ""
            texts.append(f"{seeds} seeds{over}")
        elif folds:
            texts.append(f"{folds} folds")
        else:
            texts.append("")
    kinds = list(dict.fromkeys(texts))
    if not kinds or kinds == [""]:
        return "Ours: one run each." if kinds else ""
    return f"Ours: mean ± standard deviation over {' or '.join(filter(None, kinds))}."


def _size(demands: Sequence[Demand], configs: Sequence[Mapping[str, Any]]) -> str:
    """Describe the size of shrunk runs."""

    def values(group: str, key: str) -> str:
        found = dict.fromkeys(str(config[group].get(key)) for config in configs)
        return " or ".join(found)

    weights = {config["backbone"].get("weights") for config in configs}
    return ", ".join(
        [
            f"{values('data', 'image_size')} px",
            f"at most {values('data', 'max_train_images')} training images",
            f"epochs: {values('trainer', 'max_epochs')}",
            *dict.fromkeys(text for demand in demands for text in demand.shrunk if _is_new(text)),
            *(["no pretrained weights"] if weights == {None} else []),
        ]
    )


def run_notes(search: Search) -> list[Note]:
    """Remarks on the runs of a table: data, commits and number."""
    runs = search.runs
    if not runs:
        return []
    commits = dict.fromkeys(str(run.environment["commit"])[:7] for run in runs)
    datasets: dict[str, list[str]] = {}
    for run in runs:
        name = str(run.config["choices"].get("dataset"))
        fingerprint = str(run.environment.get("dataset_fingerprint", ""))[:8]
        datasets.setdefault(f"{name}, fingerprint {fingerprint}", []).extend(_roots(run.config))
    data = [f"{name}, in {abbreviate([*dict.fromkeys(roots)])}" for name, roots in datasets.items()]
    text = f"{counted(len(runs), 'run')} of commit {' and '.join(commits)}; data: {'; '.join(data)}"
    return [Note(text)]


def _roots(record: Mapping[str, Any]) -> list[str]:
    """Folders of the dataset of a run."""
    dataset = record["config"]["dataset"]
    sources = dataset.get("sources")
    nodes = [*sources.values()] if isinstance(sources, dict) else [dataset]
    return [str(node.get("root")) for node in nodes if isinstance(node, dict)]


def _is_new(override: str) -> bool:
    """Return whether an override can affect a result, and is not described otherwise."""
    key = override.lstrip("+~").partition("=")[0]
    return not is_irrelevant(key) and key not in budget_keys("smoke")


def decision_notes(search: Search, changes: Sequence[str]) -> list[Note]:
    """Remarks on what the paper leaves open, unless a deviation or the budget decides it.

    Args:
        search: the demands of a table, and their budget.
        changes: overrides in which all runs deviate from the saved experiments.
    """
    changed = tuple(text.lstrip("+~").partition("=")[0] for text in changes)
    changed += tuple(budget_keys(search.budget))
    by_text: dict[str, list[str]] = {}
    names = list(dict.fromkeys(demand.experiment for demand in search.demands))
    for name in names:
        for key, why in decisions_of(name).items():
            if not any(key == one or key.startswith(f"{one}.") for one in changed):
                by_text.setdefault(f"{key}: {why}", []).append(name)
    notes = []
    for text, own in by_text.items():
        whose = "" if len(own) == len(names) else f" ({', '.join(own)})"
        notes.append(Note(f"our choice, not specified in the paper{whose}: {text}"))
    return notes
