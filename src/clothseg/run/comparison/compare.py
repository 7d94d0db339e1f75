"""Comparison of configurations with the best of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from clothseg.metric.aggregate import mean_and_std
from clothseg.metric.names import LOSS, PRIMARY, Score
from clothseg.metric.selection import Selection
from clothseg.metric.significance.holm import holm
from clothseg.run.comparison.scored import (
    Bounds,
    Difference,
    Method,
    Read,
    Scored,
    ScoredPart,
)
from clothseg.run.finished import FinishedRun
from clothseg.run.tables import read_image_scores

ALPHA = 0.05
"""Chance of telling apart any two of several configurations that are equal."""

PERMUTATIONS, MAX_PERMUTATIONS = 9_999, 99_999
"""Number of random permutations of a test, which grows with the number of tests to a maximum."""

TESTS: Mapping[Method, str] = {
    "images": "a permutation test over test images",
    "seeds": "a t-test over seeds and test images",
    "folds": "the corrected resampled t-test over folds",
}
"""Tests in the words of a caption."""

Configurations = Mapping[str, Sequence[FinishedRun]]
"""Runs of each configuration, which differ in fold and seed, by its name."""


@dataclass(frozen=True)
class Standing:
    """Configuration in a comparison.

    Args:
        bounds: test score with its interval; None if the records lack the scores of images.
        difference: difference from the best, the best minus this one; None if it is the best, or
            was not tested.
        p: p-value of the difference, adjusted for all tests; NaN without one.
        obstacle: reason why it was not tested; empty if it was.
    """

    bounds: Bounds | None
    difference: Difference | None = None
    p: float = math.nan
    obstacle: str = ""

    @property
    def is_told(self) -> bool:
        """True if a test tells it from the best; it may be better on the test part."""
        return self.p <= ALPHA

    @property
    def is_worse(self) -> bool:
        """True if a test tells that it is worse on the test part."""
        return self.is_told and self.difference is not None and bool(self.difference.value > 0)


@dataclass(frozen=True)
class Comparison:
    """Comparison of configurations with the best of them.

    Args:
        score: the compared score of the test part.
        selection: the scores that chose the best.
        by_validation: True if these are of the validation part.
        best: name of the best; None if no configuration has a score.
        standings: every configuration by its name.
        pairs: number of pairs for which the p-values are adjusted.
    """

    score: Score
    selection: Selection
    by_validation: bool
    best: str | None
    standings: Mapping[str, Standing]
    pairs: int

    @property
    def methods(self) -> list[Method]:
        """Tests that were made."""
        found = [one.difference.method for one in self.standings.values() if one.difference]
        return list(dict.fromkeys(found))

    @property
    def bold(self) -> set[str]:
        """The best, and all that cannot be told from it; without tests the highest means."""
        if not self.methods or self.best is None:
            return self.selection.best()
        tested = {name: one for name, one in self.standings.items() if one.difference}
        return {self.best} | {name for name, one in tested.items() if not one.is_told}

    @property
    def rule(self) -> str:
        """Meaning of bold rows after the words that describe the best; empty without tests."""
        if not self.methods:
            return ""
        tests = " and ".join(TESTS[method] for method in self.methods)
        adjusted = f"Holm over {self.pairs} pairs" if self.pairs > 1 else "one pair"
        text = f", and all that {tests} cannot tell from it (test {self.score.heading}, "
        text += f"level {100 * ALPHA:g} %, {adjusted})"
        untested = sum(bool(one.obstacle) for one in self.standings.values())
        return f"{text}; {untested} not tested" if untested else text


def compare(
    configurations: Configurations,
    selection: Selection | None,
    read: Read = read_image_scores,
    score: Score = PRIMARY,
    class_name: str | None = None,
) -> Comparison:
    """Compare every configuration with the best, see :mod:`clothseg.run.comparison`.

    The scores of each image are read once per run, and are in memory for two configurations at a
    time.

    Args:
        configurations: runs of each configuration, of the same classes.
        selection: validation scores by the same names, which choose the best; None if a run lacks
            them, or if only the test part matters, whose score below chooses then.
        read: reads the scores of each image of a run.
        score: score of the test part that chooses without a selection.
        class_name: class of which it is; None for the score of the dataset.
    """
    cards = {name: [run.metrics["test"] for run in runs] for name, runs in configurations.items()}
    chosen = selection or Selection.by_test(cards, score, class_name)
    score = PRIMARY if chosen.score == LOSS else chosen.score
    best = _best(chosen)

    def scored(name: str) -> Scored:
        return Scored.of(configurations[name], score, read, class_name)

    if best is None:
        standings = {name: Standing(scored(name).bounds()) for name in configurations}
        return Comparison(score, chosen, selection is not None, None, standings, 0)
    top = scored(best)
    pairs = _pairs(top, configurations, selection)
    permutations = max(PERMUTATIONS, math.ceil(2 * pairs / ALPHA) - 1)
    standings = {}
    for name in configurations:
        if name == best:
            standings[name] = Standing(top.bounds())
        else:
            number = min(permutations, MAX_PERMUTATIONS)
            standings[name] = _standing(top, scored(name), number, pairs)
    adjusted = holm(np.array([one.p for one in standings.values()]), pairs)
    standings = {
        name: Standing(one.bounds, one.difference, float(p), one.obstacle)
        for (name, one), p in zip(standings.items(), adjusted, strict=True)
    }
    return Comparison(score, chosen, selection is not None, best, standings, pairs)


def compare_classes(
    configurations: Configurations,
    found: Comparison,
    read: Read = read_image_scores,
    score: Score = PRIMARY,
) -> dict[str, Difference]:
    """Compare each class of every configuration with the best one, the best minus the other.

    The scores of each image of all configurations are in memory at once.

    Args:
        configurations: runs of each configuration, of the same classes.
        found: their comparison, which names the best and the number of pairs.
        read: reads the scores of each image of a run.
        score: score that exists per class.

    Returns:
        Differences [K] in id order of the configurations that can be tested, with p-values that are
        adjusted for all classes of all pairs.
    """
    if found.best is None:
        return {}
    top = Scored.of(configurations[found.best], score, read)
    others = {n: Scored.of(r, score, read) for n, r in configurations.items() if n != found.best}
    tests = found.pairs * len(next(iter(top.runs)).classes)
    permutations = min(max(PERMUTATIONS, math.ceil(2 * tests / ALPHA) - 1), MAX_PERMUTATIONS)
    differences = {
        name: top.minus(other, permutations, per_class=True)
        for name, other in others.items()
        if not top.obstacle_to(other)
    }
    adjusted = holm(np.array([one.p for one in differences.values()]), tests)
    return {
        name: replace(one, p=p)
        for (name, one), p in zip(differences.items(), adjusted, strict=True)
    }


def _best(selection: Selection) -> str | None:
    """Return the configuration with the best mean; None if none has a score."""
    means = {name: mean_and_std(values)["mean"] for name, values in selection.values.items()}
    known = {name: mean for name, mean in means.items() if mean is not None}
    choose = max if selection.score.higher_is_better else min
    return choose(known, key=lambda name: known[name]) if known else None


def _pairs(best: Scored, configurations: Configurations, selection: Selection | None) -> int:
    """Count the pairs for which p-values are adjusted, among those with the best's test images."""
    alike = [
        runs
        for runs in configurations.values()
        if {ScoredPart.of(run) for run in runs} == best.runs.keys()
    ]
    if selection is not None and all(map(_is_chosen_elsewhere, alike)):
        return len(alike) - 1
    return math.comb(len(alike), 2)


def _is_chosen_elsewhere(runs: Sequence[FinishedRun]) -> bool:
    """Return whether other images than the test images say how good a single network is."""
    share = runs[0].config["config"]["split"].get("validation")
    return len(runs) == 1 and isinstance(share, float) and share > 0


def _standing(best: Scored, other: Scored, permutations: int, pairs: int) -> Standing:
    """Test a configuration, with a p-value that is not adjusted yet."""
    bounds = other.bounds()
    if obstacle := best.obstacle_to(other):
        return Standing(bounds, obstacle=obstacle)
    if best.method(other) == "images" and pairs > ALPHA * (permutations + 1):
        return Standing(bounds, obstacle=f"{pairs} pairs are too many to be tested")
    found = best.minus(other, permutations)
    if np.isnan(found.p):
        return Standing(bounds, obstacle="undefined score")
    return Standing(bounds, found, float(found.p))
