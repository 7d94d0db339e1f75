"""JSON format of scores, which other tools read and which must not change."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clothseg.metric.average import nan_mean
from clothseg.metric.names import SCORES, Score, task_scores

if TYPE_CHECKING:
    from clothseg.metric.segmentation import Column, ImageScores, Scores

NAMES = {score.key: score.name for score in SCORES}
DATASET_KEYS = tuple(score.key for score in SCORES if not score.per_class)
"""Keys of the scores that exist for a dataset only, not for each class."""
ALWAYS = tuple(score.key for score in task_scores("semantic") if not score.per_class)
"""Those of every task."""


def scorecard(
    scores: "Scores", names: Sequence[str], sources: np.ndarray | None = None
) -> dict[str, Any]:
    """Convert scores to plain Python values for JSON; None if undefined or not computed.

    Args:
        scores: scores of a set of images.
        names: class names in id order [K].
        sources: name of the source dataset of each sample, by sample index. If there are several,
            `by_source` holds a card for each, without the confusion matrix and Boundary IoU, which
            are only counted over all images.
    """
    card = {
        "num_images": len(scores.index),
        "num_classes": len(names),
        "confusion_matrix": scores.matrix.tolist(),
        **_scores(scores, names),
    }
    if sources is None or len(np.unique(sources)) < 2:
        return card
    return card | {"by_source": _by_source(scores, names, sources[scores.index])}


def _by_source(scores: "Scores", names: Sequence[str], sources: np.ndarray) -> dict[str, Any]:
    """Build a card for each source; `sources` holds the source of each image [N]."""
    cards = {}
    for source in np.unique(sources).tolist():
        part = scores.select(sources == source)
        sizes = {"num_images": len(part.index), "num_classes": len(names)}
        cards[source] = sizes | _scores(part, names)
    return cards


def dataset_values(columns: Mapping[str, "Column"]) -> dict[str, float]:
    """Reduce computed scores to one number each, by name; NaN if undefined.

    Args:
        columns: values by key; the value of a score that exists per class is their mean.
    """
    return {
        NAMES[key]: float(nan_mean(np.asarray(column)))
        for key, column in columns.items()
        if column is not None
    }


def overall_scores(card: Mapping[str, Any]) -> dict[str, Any]:
    """Select the scores of a card that are not those of a class, by name such as `mean_iou`.

    Args:
        card: a scorecard, or an aggregate of several, whose scores are mappings.
    """
    means = {NAMES[key]: value for key, value in card["mean"].items()}
    return means | {key: card.get(key) for key in dataset_keys([card])}


def card_score(card: Mapping[str, Any], score: Score, class_name: str | None = None) -> Any:
    """Look up a score in a card, that of the dataset or of a class; None if it is not there.

    Args:
        card: a scorecard, or an aggregate of several, whose scores are mappings.
        score: the score.
        class_name: the class; None for the dataset.
    """
    if class_name is None:
        return overall_scores(card).get(score.name)
    rows = {row["name"]: row for row in card["per_class"]}
    return rows.get(class_name, {}).get(score.key)


def parsing_scores(card: Mapping[str, Any]) -> dict[str, Any]:
    """Select the scores of people and characteristics of a card, each as one number.

    The number of an average precision is its mean over IoU thresholds, and that of the pixels of a
    characteristic their mean IoU.

    Args:
        card: a scorecard, or an aggregate of several, whose scores are mappings.

    Returns:
        `person_ap`, and `apcr/<kind>` and `miou/<kind>` of each characteristic; None if undefined.
        Empty for scores of another task.
    """
    if "people" in card:
        return dict(card["people"])
    if "parsing" not in card:
        return {}
    scores = card["parsing"]
    blocks = {"person_ap": (scores["person_ap"], "vol")}
    blocks |= {f"apcr/{kind}": (levels, "vol") for kind, levels in scores["apcr"].items()}
    blocks |= {f"miou/{kind}": (iou, "miou") for kind, iou in scores["characteristics"].items()}
    return {name: None if one is None else one[key] for name, (one, key) in blocks.items()}


def dataset_keys(cards: Collection[Mapping[str, Any]]) -> list[str]:
    """Keys of the scores of a dataset that cards have, among them those of every task."""
    return [key for key in DATASET_KEYS if key in ALWAYS or any(key in card for card in cards)]


def flat_scores(
    card: Mapping[str, Any], part: str, columns: Collection[str] | None = None
) -> dict[str, Any]:
    """Flatten a card to keys of loggers: `test/mean_iou`, `test/accuracy`, `test/iou/<class>`.

    Human parsing has those of :func:`parsing_scores` too, such as `test/person_ap`.

    Args:
        card: a scorecard, or an aggregate of several.
        part: first part of the keys.
        columns: keys of the values of each class; None for all, including its pixels.
    """
    scores = overall_scores(card) | parsing_scores(card)
    flat = {f"{part}/{name}": value for name, value in scores.items()}
    for row in card["per_class"]:
        for key, value in row.items():
            if key not in ("id", "name") if columns is None else key in columns:
                flat[f"{part}/{key}/{row['name']}"] = value
    return flat


def _scores(scores: "ImageScores", names: Sequence[str]) -> dict[str, Any]:
    """Return class scores and their means."""
    columns, support = scores.columns(), scores.classes.support
    totals = {key: columns.pop(key) for key in DATASET_KEYS if key in columns}
    values = {
        key: [None] * len(names) if column is None else [_number(x) for x in np.asarray(column)]
        for key, column in columns.items()
    }
    per_class = [
        {"id": class_id, "name": name}
        | {key: column[class_id] for key, column in values.items()}
        | {"support": int(support[class_id])}
        for class_id, name in enumerate(names)
    ]
    return {
        "per_class": per_class,
        "mean": {
            key: None if column is None else _number(nan_mean(np.asarray(column)))
            for key, column in columns.items()
        },
        **{key: None if value is None else _number(value) for key, value in totals.items()},
        "classes_counted": scores.classes.classes_counted,
        **scores.blocks(),
    }


def _number(value: float | np.ndarray) -> float | None:
    return None if np.isnan(value) else float(value)
