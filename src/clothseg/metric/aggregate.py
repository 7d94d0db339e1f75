"""One result from the folds of a cross-validation: mean and deviation of scores, pooled counts."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from clothseg.error import DataError

Scorecard = Mapping[str, Any]
"""Scores of one fold as `metrics.json` holds them per subset; None stands for undefined."""

NOT_SCORES = ("id", "name", "support")
"""Keys of a class that are carried over or summed, not averaged."""


def aggregate(cards: Sequence[Scorecard]) -> dict[str, Any]:
    """Mean and deviation over folds of every score, ready for JSON.

    A score that is undefined in a fold is left out of that score's mean and deviation. `support`
    is the sum over folds, in pixels.

    Args:
        cards: one scorecard per fold, all of the same classes.

    Returns:
        `folds`; `per_class` in id order, `mean`, `accuracy` and `binary_iou`, in which every score
        is `{"mean", "std", "n"}`: std with n - 1 in the denominator, n the folds that were counted.
        `mean` describes the folds' means over classes. Numbers that do not exist are None. Of a
        merged dataset `by_source` holds the same of each source, over the folds that have it.

    Raises:
        DataError: no scorecard, or scorecards of different classes.
    """
    _check_same_classes(cards)
    sources = source_cards(cards)
    return {
        "folds": len(cards),
        "per_class": [
            _aggregate_class(rows)
            for rows in zip(*(card["per_class"] for card in cards), strict=True)
        ],
        "mean": _over_folds([card["mean"] for card in cards]),
        **_over_folds(
            [{key: card.get(key) for key in ("accuracy", "binary_iou")} for card in cards]
        ),
        **(
            {"by_source": {name: aggregate(own) for name, own in sources.items()}}
            if sources
            else {}
        ),
    }


def mean_card(cards: Sequence[Scorecard]) -> dict[str, Any]:
    """One scorecard that holds the mean over folds of every score; arguments as `aggregate`."""
    total = aggregate(cards)

    def means(scores: Mapping[str, Any]) -> dict[str, Any]:
        return {k: v["mean"] if isinstance(v, dict) else v for k, v in scores.items()}

    return {
        "per_class": [means(row) for row in total["per_class"]],
        "mean": means(total["mean"]),
        **means({key: total[key] for key in ("accuracy", "binary_iou")}),
    }


def source_cards(cards: Sequence[Scorecard]) -> dict[str, list[Scorecard]]:
    """The scorecards of each source of a merged dataset over folds; empty where nothing is merged.

    Args:
        cards: one scorecard per fold.
    """
    sources = dict.fromkeys(source for card in cards for source in card.get("by_source", {}))
    found = {
        source: [card.get("by_source", {}).get(source) for card in cards] for source in sources
    }
    return {source: [card for card in own if card is not None] for source, own in found.items()}


def pooled_matrix(cards: Sequence[Scorecard]) -> np.ndarray:
    """Confusion matrix int64 [K,K] of all folds together, rows = truth.

    Every photo is in the test part of one fold, so the sum holds each photo's pixels once.

    Raises:
        DataError: no scorecard, or scorecards of different classes.
    """
    _check_same_classes(cards)
    return np.sum([np.asarray(card["confusion_matrix"], np.int64) for card in cards], axis=0)


def flat_class(row: dict[str, Any]) -> dict[str, Any]:
    """A class of a summary as one CSV row: `iou_mean`, `iou_std` and so on."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{key}_{part}": number for part, number in value.items()}
        else:
            flat[key] = value
    return flat


def _aggregate_class(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    scores = _over_folds([{k: v for k, v in row.items() if k not in NOT_SCORES} for row in rows])
    support = sum(row["support"] or 0 for row in rows)
    return {"id": rows[0]["id"], "name": rows[0]["name"], **scores, "support": support}


def _over_folds(rows: Sequence[Mapping[str, float | None]]) -> dict[str, dict[str, float | None]]:
    scores = dict.fromkeys(key for row in rows for key in row if key not in NOT_SCORES)
    return {key: _mean_and_deviation(row.get(key) for row in rows) for key in scores}


def _mean_and_deviation(values: Iterable[float | None]) -> dict[str, float | None]:
    defined = [value for value in values if value is not None and not math.isnan(value)]
    count = len(defined)
    return {
        "mean": float(np.mean(defined)) if count > 0 else None,
        "std": float(np.std(defined, ddof=1)) if count > 1 else None,
        "n": count,
    }


def _check_same_classes(cards: Sequence[Scorecard]) -> None:
    if not cards:
        raise DataError("no scorecard to aggregate; at least one finished fold is needed")
    first, *others = ([row["name"] for row in card["per_class"]] for card in cards)
    for fold, names in enumerate(others, start=1):
        if names != first:
            raise DataError(
                f"scorecards 0 and {fold} were made with different classes "
                f"({len(first)}: {', '.join(first)}; {len(names)}: {', '.join(names)}); "
                "aggregate only folds of one configuration"
            )
