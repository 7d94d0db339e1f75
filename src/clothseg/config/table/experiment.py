"""Saved experiments as plain files: their dataset and their decisions, without composing them."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import yaml

from clothseg.shipped import CONF

DATASET = "dataset"


@cache
def _content(name: str) -> Mapping[str, Any]:
    content: Mapping[str, Any] = yaml.safe_load((CONF / "experiment" / f"{name}.yaml").read_text())
    return content


def _chain(name: str) -> list[Mapping[str, Any]]:
    """Contents of an experiment and of those that it is based on, the most basic one first."""
    content = _content(name)
    bases = [entry for entry in content.get("defaults", []) if isinstance(entry, str)]
    return [*(one for base in bases for one in _chain(base.removeprefix("/experiment/"))), content]


def decisions_of(name: str) -> dict[str, str]:
    """Open choices of an experiment that are ours: groups or keys, and what was chosen."""
    return {key: why for one in _chain(name) for key, why in one.get("decisions", {}).items()}


def budget_keys(budget: str) -> list[str]:
    """Dotted keys that a budget sets."""
    content = yaml.safe_load((CONF / "budget" / f"{budget}.yaml").read_text())
    groups = {group: node for group, node in content.items() if isinstance(node, dict)}
    return [f"{group}.{key}" for group, node in groups.items() for key in node]


def dataset_of(name: str, overrides: Sequence[str] = ()) -> str:
    """Dataset of an experiment: an option of `conf/dataset`.

    Args:
        name: the experiment.
        overrides: further overrides, of which the last one of the dataset decides.
    """
    entries = [
        entry
        for one in _chain(name)
        for entry in one.get("defaults", [])
        if isinstance(entry, dict)
    ]
    chosen = [entry[f"override /{DATASET}"] for entry in entries if f"override /{DATASET}" in entry]
    chosen += [text.partition("=")[2] for text in overrides if text.startswith(f"{DATASET}=")]
    return str(chosen[-1])


def sources_of(dataset: str) -> dict[str, str]:
    """Key of the folder of each source of a dataset, by the source's name.

    A dataset that is not merged is its only source, and one that is rendered has none.
    """
    content = yaml.safe_load((CONF / DATASET / f"{dataset}.yaml").read_text())
    texts = [entry for entry in content.get("defaults", []) if isinstance(entry, str)]
    merged = [text.partition("@")[2] for text in texts if "@" in text]
    if merged:
        return {key.rpartition(".")[2]: f"{DATASET}.{key}.root" for key in merged}
    return {dataset: f"{DATASET}.root"} if content.get("root") == "???" else {}


def root_overrides(dataset: str, folders: Mapping[str, str]) -> list[str]:
    """Overrides of the folders of a dataset.

    Args:
        dataset: an option of `conf/dataset`.
        folders: folders by the name of the source; a placeholder stands for those that are missing.
    """
    return [
        f"{key}={folders.get(source, f'/path/to/{source}')}"
        for source, key in sources_of(dataset).items()
    ]


def default_labels(dataset: str) -> str:
    """Label space that a dataset selects."""
    content = yaml.safe_load((CONF / DATASET / f"{dataset}.yaml").read_text())
    entries = [entry for entry in content["defaults"] if isinstance(entry, dict)]
    return str(next(space for entry in entries for space in entry.values()))


def names_of(dataset: str) -> list[str]:
    """Native label names of a dataset, of all its sources if it is merged."""
    content = yaml.safe_load((CONF / DATASET / f"{dataset}.yaml").read_text())
    if "names" in content:
        return list(content["names"])
    return list(dict.fromkeys(name for source in sources_of(dataset) for name in names_of(source)))


def labels_of(space: str) -> dict[str, list[str]]:
    """Source names that each class of a label space gathers, in the order of the classes."""
    content = yaml.safe_load((CONF / "labels" / f"{space}.yaml").read_text())
    return {name: list(content["gathers"][name]) for name in content["names"]}
