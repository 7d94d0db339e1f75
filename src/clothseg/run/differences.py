"""Options and keys of configurations by dotted name, and those in which runs differ."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from clothseg.run.finished import FinishedRun
from clothseg.run.signature import is_irrelevant

Keys = Literal["differing", "all"]

OPTIONS = ("dataset", "labels", "model", "backbone")
"""Groups whose options name a run, which is in a folder of these names."""

OWN_COLUMNS = ("seed", "split.fold")
"""Keys that every row of results has under a name of its own."""


def settings(runs: Sequence[FinishedRun], keys: Keys) -> list[dict[str, Any]]:
    """Select options and keys of each run by name: `model`, `optimizer.lr`.

    Args:
        runs: the runs.
        keys: `differing` selects dataset, labels, model and backbone, other options in which the
            runs differ, and keys in which they differ that can affect the result. A key that
            follows from an option, such as the default learning rate of an optimizer, is selected
            only if a command line sets it. `all` selects everything.

    Returns:
        One mapping per run, all with the same names. The value of a key that a run lacks is None,
        and that of a list is its JSON text, which can be grouped by.
    """
    choices = [run.config["choices"] for run in runs]
    values = [flat_keys(run.config["config"]) for run in runs]
    if keys == "all":
        options, names = _union(choices), _union(values)
    else:
        options, names = _differing_options(choices), _differing_keys(runs, choices, values)
    names = [name for name in names if name not in OWN_COLUMNS]
    return [
        {name: chosen.get(name) for name in options} | {name: flat.get(name) for name in names}
        for chosen, flat in zip(choices, values, strict=True)
    ]


def flat_keys(node: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Flatten a configuration to dotted keys, without the targets, which the options name."""
    flat: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, Mapping):
            flat |= flat_keys(value, f"{path}{key}.")
        elif key != "_target_":
            flat[f"{path}{key}"] = _text(value) if isinstance(value, list) else value
    return flat


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)


def _union(mappings: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for mapping in mappings for key in mapping))


def _differing_options(choices: Sequence[Mapping[str, str]]) -> list[str]:
    others = [
        group
        for group in _union(choices)
        if group not in OPTIONS
        and not is_irrelevant(group)
        and len({chosen.get(group) for chosen in choices}) > 1
    ]
    return [*OPTIONS, *others]


def _differing_keys(
    runs: Sequence[FinishedRun],
    choices: Sequence[Mapping[str, str]],
    values: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Select the keys that differ among runs with one option, or that were set and differ."""
    parts = [text.lstrip("+~").partition("=") for run in runs for text in run.config["overrides"]]
    typed = {key for key, _, _ in parts}
    found: dict[str, dict[str, set[str]]] = {}  # values by key and option of its group
    counts: Counter[str] = Counter()
    for chosen, flat in zip(choices, values, strict=True):
        counts.update(flat.keys())
        for key, value in flat.items():
            option = chosen.get(key.partition(".")[0], "")
            found.setdefault(key, {}).setdefault(option, set()).add(_text(value))

    def differs(key: str) -> bool:
        by_option = found[key].values()
        if any(len(texts) > 1 for texts in by_option):
            return True
        return key in typed and (len(set().union(*by_option)) > 1 or counts[key] < len(runs))

    return [key for key in found if not is_irrelevant(key) and differs(key)]
