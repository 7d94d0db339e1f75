"""Results of a cross-validation: mean and standard deviation of scores, pooled counts."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from clothseg.error import DataError, abbreviate
from clothseg.metric.scorecard import dataset_keys, parsing_scores

Scorecard = Mapping[str, Any]
"""Scores of one fold as in `metrics.json`, per subset; None if undefined."""

NON_SCORE_KEYS = ("id", "name", "support")
"""Keys of a class that are copied or summed, not averaged."""


def aggregate(cards: Sequence[Scorecard]) -> dict[str, Any]:
    """Compute the mean and standard deviation of every score over folds, ready for JSON.

    Folds in which a score is undefined are excluded from its mean and standard deviation. `support`
    is the sum over folds, in pixels.

    Args:
        cards: one scorecard per fold, all with the same classes.

    Returns:
        `folds`; `per_class` in id order, `mean`, and scores of the dataset such as `accuracy`, in
        which every score is `{"mean", "std", "n"}`: std has n - 1 in the denominator, n is the
        number of folds with a defined score. `mean` summarizes the folds' means over classes.
        Undefined numbers are None. For human parsing, `people` has those of
        :func:`clothseg.metric.scorecard.parsing_scores`.
        For a merged dataset, `by_source` holds the same for each source, over the folds with it.

    Raises:
        DataError: there is no scorecard, or the scorecards have different classes.
    """
    _check_same_classes(cards)
    sources, people = source_cards(cards), [parsing_scores(card) for card in cards]
    return {
        "folds": len(cards),
        "per_class": [
            _aggregate_class(rows)
            for rows in zip(*(card["per_class"] for card in cards), strict=True)
        ],
        "mean": _summarize([card["mean"] for card in cards]),
        **_summarize([{key: card.get(key) for key in dataset_keys(cards)} for card in cards]),
        **({"people": _summarize(people)} if all(people) else {}),
        **(
            {"by_source": {name: aggregate(group) for name, group in sources.items()}}
            if sources
            else {}
        ),
    }


def part_cards(
    metrics: Sequence[Mapping[str, Any]],
) -> tuple[list[Scorecard], list[Scorecard]]:
    """Select the scorecards of the test part, and those of the validation part at the best epoch.

    Args:
        metrics: content of the `metrics.json` of each fold.

    Returns:
        Test and validation; the latter is empty if an earlier version trained one of the folds.
    """
    validation = [fold["validation"] for fold in metrics if "validation" in fold]
    complete = len(validation) == len(metrics)
    return [fold["test"] for fold in metrics], validation if complete else []


def aggregate_parts(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Aggregate the test part, and under `validation` the validation part, if every fold has it.

    Args:
        metrics: content of the `metrics.json` of each fold.
    """
    test, validation = part_cards(metrics)
    return aggregate(test) | ({"validation": aggregate(validation)} if validation else {})


def mean_card(cards: Sequence[Scorecard]) -> dict[str, Any]:
    """Build a scorecard with the mean of every score over folds; arguments as in `aggregate`."""
    summary = aggregate(cards)

    def means(scores: Mapping[str, Any]) -> dict[str, Any]:
        return {k: v["mean"] if isinstance(v, dict) else v for k, v in scores.items()}

    return {
        "per_class": [means(row) for row in summary["per_class"]],
        "mean": means(summary["mean"]),
        **means({key: summary[key] for key in dataset_keys([summary])}),
        **({"people": means(summary["people"])} if "people" in summary else {}),
    }


def source_cards(cards: Sequence[Scorecard]) -> dict[str, list[Scorecard]]:
    """Group the folds' scorecards by source of a merged dataset; empty if it is not merged.

    Args:
        cards: one scorecard per fold.
    """
    sources = dict.fromkeys(source for card in cards for source in card.get("by_source", {}))
    groups = {
        source: [card.get("by_source", {}).get(source) for card in cards] for source in sources
    }
    return {
        source: [card for card in group if card is not None] for source, group in groups.items()
    }


def pooled_matrix(cards: Sequence[Scorecard]) -> np.ndarray:
    """Sum the confusion matrices of all folds, int64 [K,K]; rows are the ground truth.

    Every image is in the test part of one fold, so each pixel is counted once.

    Raises:
        DataError: there is no scorecard, or the scorecards have different classes.
    """
    _check_same_classes(cards)
    return np.asarray(np.array([card["confusion_matrix"] for card in cards], np.int64).sum(0))


def flat_class(row: dict[str, Any]) -> dict[str, Any]:
    """Flatten a class of a summary to one CSV row: `iou_mean`, `iou_std` and so on."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{key}_{statistic}": number for statistic, number in value.items()}
        else:
            flat[key] = value
    return flat


def mean_and_std(values: Iterable[float | None]) -> dict[str, float | None]:
    """Compute `mean`, `std` and `n` of the defined values, as in :func:`aggregate`."""
    defined = [value for value in values if value is not None and not math.isnan(value)]
    count = len(defined)
    return {
        "mean": float(np.mean(defined)) if count > 0 else None,
        "std": float(np.std(defined, ddof=1)) if count > 1 else None,
        "n": count,
    }


def _aggregate_class(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    scores = _summarize([{k: v for k, v in row.items() if k not in NON_SCORE_KEYS} for row in rows])
    support = sum(row["support"] or 0 for row in rows)
    return {"id": rows[0]["id"], "name": rows[0]["name"], **scores, "support": support}


def _summarize(rows: Sequence[Mapping[str, float | None]]) -> dict[str, dict[str, float | None]]:
    scores = dict.fromkeys(key for row in rows for key in row if key not in NON_SCORE_KEYS)
    return {key: mean_and_std(row.get(key) for row in rows) for key in scores}


def _check_same_classes(cards: Sequence[Scorecard]) -> None:
    if not cards:
        raise DataError("there is no scorecard to aggregate; at least one fold must be finished")
    first, *others = ([row["name"] for row in card["per_class"]] for card in cards)
    for fold, names in enumerate(others, start=1):
        if names != first:
            raise DataError(
                f"scorecards 0 and {fold} have different classes "
                f"({len(first)}: {abbreviate(first)}; {len(names)}: {abbreviate(names)}); "
                "aggregate only folds of one configuration"
            )
