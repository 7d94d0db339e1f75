"""Selection of the best epoch of a run, and of the best of several configurations.

Both are selected by a score of the validation part. Selecting by the test part would report the
luckiest of several scores, which is optimistic.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clothseg.metric.aggregate import mean_and_std
from clothseg.metric.names import DEFAULT_MONITOR, MONITORS, PRIMARY, VALIDATION_LOSS, Score
from clothseg.metric.scorecard import card_score, overall_scores

Rank = tuple[bool, float, bool, float]


def rank(epoch: Mapping[str, float], monitor: str) -> Rank:
    """Return a key that sorts epochs from the worst to the best.

    Epochs are sorted by the monitored metric, and in a tie by the validation loss, of which the
    lower is better. NaN is worse than any number. Of epochs that tie in both, take the first.

    Args:
        epoch: metrics of the epoch; see :class:`clothseg.callbacks.history.History`.
        monitor: a key of :data:`clothseg.metric.names.MONITORS`.
    """
    return (
        *_ascending(epoch[monitor], MONITORS[monitor].higher_is_better),
        *_ascending(epoch[VALIDATION_LOSS], higher_is_better=False),
    )


def _ascending(value: float, higher_is_better: bool) -> tuple[bool, float]:
    """Key that sorts values from the worst to the best, NaN first."""
    return (False, 0.0) if math.isnan(value) else (True, value if higher_is_better else -value)


def validation_score(metrics: Mapping[str, Any], monitor: str) -> float | None:
    """Return a score of the validation part at the best epoch of a run; None if undefined.

    Args:
        metrics: content of `metrics.json` with a `validation` part.
        monitor: a key of :data:`clothseg.metric.names.MONITORS`.
    """
    if monitor == VALIDATION_LOSS:
        value = metrics["validation_loss"]
    else:
        value = overall_scores(metrics["validation"]).get(MONITORS[monitor].name)
    return None if value is None else float(value)


def mean_score(metrics: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the mean over folds of the monitored score of the validation part, see above.

    Args:
        metrics: content of the `metrics.json` of each fold.

    Returns:
        None if a fold has no such score, or the folds monitored different ones.
    """
    if not all("validation" in fold for fold in metrics):  # of an earlier version
        return None
    if len({fold["monitor"] for fold in metrics}) > 1:
        return None
    scores = [validation_score(fold, fold["monitor"]) for fold in metrics]
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if len(known) == len(scores) else None


@dataclass(frozen=True)
class Selection:
    """Scores by which the best of several configurations is selected.

    Args:
        score: the score, the same for all of them.
        values: its values by name of the configuration, one per fold; None if undefined.
    """

    score: Score
    values: Mapping[str, Sequence[float | None]]

    @classmethod
    def of(cls, runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> "Selection | None":
        """Take the validation score that all runs monitored, or the mean IoU if these differ.

        Args:
            runs: content of the `metrics.json` of each fold of each configuration, by its name.

        Returns:
            None if a run was recorded by an earlier version, which kept no validation scores.
        """
        folds = [metrics for configuration in runs.values() for metrics in configuration]
        if not all("validation" in metrics for metrics in folds):
            return None
        first, *others = {metrics["monitor"] for metrics in folds}
        monitor = DEFAULT_MONITOR if others else first
        values = {
            name: [validation_score(metrics, monitor) for metrics in configuration]
            for name, configuration in runs.items()
        }
        return cls(MONITORS[monitor], values)

    @classmethod
    def by_test(
        cls,
        cards: Mapping[str, Sequence[Mapping[str, Any]]],
        score: Score = PRIMARY,
        class_name: str | None = None,
    ) -> "Selection":
        """Take a score of the test part, where validation scores are missing or do not matter.

        Args:
            cards: scorecard of each fold of each configuration, by its name.
            score: the score.
            class_name: the class of which it is taken; None for the score of the dataset.
        """
        values = {
            name: [card_score(card, score, class_name) for card in folds]
            for name, folds in cards.items()
        }
        return cls(score, values)

    def over_repeats(self, repeats: Mapping[str, Sequence[str]]) -> "Selection":
        """Take the means over folds of configurations as the values of one.

        Args:
            repeats: names of the configurations to be combined, by the name for all of them.
        """
        means = {name: mean_and_std(values)["mean"] for name, values in self.values.items()}
        values = {name: [means[part] for part in parts] for name, parts in repeats.items()}
        return Selection(self.score, values)

    def best(self) -> set[str]:
        """Return the best configuration, and those whose means round to the same 0.1 percent."""
        means = {name: mean_and_std(values)["mean"] for name, values in self.values.items()}
        rounded = {n: float(f"{100 * mean:.1f}") for n, mean in means.items() if mean is not None}
        if not rounded:
            return set()
        top = (max if self.score.higher_is_better else min)(rounded.values())
        return {name for name, value in rounded.items() if value == top}
