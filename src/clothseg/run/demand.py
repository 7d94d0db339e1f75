"""Runs that a cell of a table demands, found by their recorded configuration.

A run belongs to a cell if its resolved configuration is that of the cell's experiment, except for
its seed, its fold, and whatever cannot affect a result.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clothseg.error import shortened
from clothseg.run.finished import FinishedRun
from clothseg.run.signature import relevant_content

LEADING = ("._target_", "labels.name")
"""Ends of keys that decide which others a group has."""
MAX_DIFFERENCES = 3
"""Most differing keys that a reason names."""

Plain = Mapping[str, Any]
Repeats = Sequence[Sequence[FinishedRun]]
"""Runs of a cell by repetition, which is a fold, or a seed with all of its folds."""


@dataclass(frozen=True)
class Demand:
    """Configuration that a cell demands.

    Args:
        experiment: the saved experiment.
        overrides: overrides of it, including deviations from the paper.
        seeds: seeds of the runs.
        shrunk: further overrides of a budget that is not the full one.
    """

    experiment: str
    overrides: tuple[str, ...]
    seeds: tuple[int, ...]
    shrunk: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """Finished run with the part of its configuration that can affect its result.

    Args:
        run: the run.
        content: its flat configuration, without the seed.
    """

    run: FinishedRun
    content: Mapping[str, str]

    @classmethod
    def of(cls, run: FinishedRun) -> "Candidate":
        """Take a run as a candidate for cells."""
        return cls(run, flat_content(run.config["config"]))

    @property
    def budget(self) -> str:
        """Budget by which its command has shrunk it."""
        return str(self.run.config["choices"].get("budget", "full"))

    @property
    def fingerprint(self) -> str:
        """Hash of its dataset; empty if an earlier version trained it."""
        return str(self.run.environment.get("dataset_fingerprint", ""))

    @property
    def images(self) -> int:
        """Number of its test images."""
        return int(self.run.metrics["test"]["num_images"])


def flat_content(config: Plain) -> dict[str, str]:
    """Flatten what can affect the result of a resolved configuration, except the seed.

    Args:
        config: the resolved configuration, as composed or as recorded.

    Returns:
        Values as JSON text by dotted key.
    """
    relevant = relevant_content(config)
    relevant.pop("seed", None)
    return dict(_leaves(relevant, ""))


def _leaves(node: Any, path: str) -> Iterable[tuple[str, str]]:
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, json.dumps(node, sort_keys=True)


def difference(demanded: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Describe the keys in which a run differs from what a cell demands; empty if in none.

    Of a group with another function, or a label space of another name, only these are described.
    """
    keys = [key for key in {**demanded, **found} if demanded.get(key) != found.get(key)]
    others = {key.partition(".")[0]: key for key in keys if key.endswith(LEADING)}
    keys = [key for key in keys if others.get(key.partition(".")[0], key) == key]
    texts = [
        f"{key}={shortened(found.get(key, 'missing'), 40)} instead of "
        f"{shortened(demanded.get(key, 'missing'), 40)}"
        for key in sorted(keys)
    ]
    more = f" and {len(texts) - MAX_DIFFERENCES} more" if len(texts) > MAX_DIFFERENCES else ""
    return ", ".join(texts[:MAX_DIFFERENCES]) + more


def unusable(candidate: Candidate) -> str:
    """Reason why a run fills no cell, whatever its configuration; empty if it may."""
    environment = candidate.run.environment
    if environment.get("dirty"):
        return f"was trained with uncommitted changes of commit {str(environment['commit'])[:7]}"
    if not candidate.fingerprint:
        return "has no fingerprint of its dataset, because an earlier version trained it"
    return ""


@dataclass
class Found:
    """Runs of a demand.

    Args:
        demand: the demand.
        content: its flat configuration.
        folds: number of folds; None for a split without folds.
        runs: usable runs of that configuration with a demanded seed.
        refused: reasons why other runs of the experiment do not count, one sentence each.
    """

    demand: Demand
    content: Mapping[str, str]
    folds: int | None
    runs: list[Candidate] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def refuse(self, is_wrong: Callable[[Candidate], str]) -> None:
        """Take out the runs for which a function returns a reason."""
        kept = []
        for candidate in self.runs:
            if reason := is_wrong(candidate):
                self.refused.append(f"{candidate.run.folder} {reason}")
            else:
                kept.append(candidate)
        self.runs = kept

    @property
    def missing(self) -> int:
        """Number of runs that are missing."""
        return len(self.demand.seeds) * (self.folds or 1) - len(self._by_place)

    @property
    def _by_place(self) -> dict[tuple[int, int | None], FinishedRun]:
        """Runs by seed and fold; of several runs of one place, the first."""
        places: dict[tuple[int, int | None], FinishedRun] = {}
        for candidate in self.runs:
            places.setdefault((candidate.run.seed, candidate.run.fold), candidate.run)
        return places

    @property
    def repeats(self) -> Repeats:
        """Runs by repetition: seeds if there are several, else folds; empty if a run is missing."""
        places = self._by_place
        if self.missing:
            return []
        folds: Sequence[int | None] = [None] if self.folds is None else [*range(self.folds)]
        if len(self.demand.seeds) == 1:
            return [[places[self.demand.seeds[0], fold]] for fold in folds]
        return [[places[seed, fold] for fold in folds] for seed in self.demand.seeds]

    @property
    def state(self) -> str:
        """Number of finished runs and the reasons for refusals, for a note."""
        total = len(self.demand.seeds) * (self.folds or 1)
        done = total - self.missing
        texts = [f"{done} of {total} runs are finished"] if done else []
        return "; ".join([*texts, *self.refused])


def find(demand: Demand, config: Plain, candidates: Sequence[Candidate], budget: str) -> Found:
    """Select the runs of a demand.

    Args:
        demand: the demand.
        config: its composed configuration.
        candidates: finished runs.
        budget: the budget of that configuration.
    """
    content = flat_content(config)
    split = config["split"]
    found = Found(demand, content, split.get("folds") if split.get("fold") is not None else None)
    for candidate in candidates:
        if candidate.content == content:
            if reason := unusable(candidate):
                found.refused.append(f"{candidate.run.folder} {reason}")
            elif candidate.run.seed in demand.seeds:
                found.runs.append(candidate)
        elif candidate.run.config["choices"].get("experiment") == demand.experiment:
            reason = difference(content, candidate.content)
            if candidate.budget != budget:
                reason = f"budget={candidate.budget} instead of {budget}"
            found.refused.append(f"{candidate.run.folder} has {reason}")
    return found


def require_same(found: Sequence[Found], what: str, value: Callable[[Candidate], str]) -> None:
    """Refuse the runs that differ from most of the cells in a value which all should share.

    Args:
        found: runs of demands that must share the value.
        what: the value in words.
        value: returns it for a run.
    """
    votes = Counter(name for one in found for name in {value(run) for run in one.runs})
    if len(votes) <= 1:
        return
    images = {value(run): run.images for one in found for run in one.runs}
    most = max(votes, key=lambda key: (votes[key], images[key], key))

    def reason(run: Candidate) -> str:
        own = value(run)
        return "" if own == most else f"has {what} than the other cells ({own[:8]})"

    for one in found:
        one.refuse(reason)
