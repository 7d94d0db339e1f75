"""Scores of runs as in `metrics.json`, for tests that need a finished run but no network."""

import numpy as np

from clothseg.metric.class_scores import count_scores

KEYS = ("precision", "recall", "f1", "iou")


def score_card(iou=0.5, names=("BG", "Hat"), accuracy=None):
    """Scorecard with one value for all scores and five pixels of each class, all correct."""
    scores = dict.fromkeys(KEYS, iou)
    return {
        "num_images": 3,
        "confusion_matrix": [[5 * (k == j) for j in range(len(names))] for k in range(len(names))],
        "per_class": [
            {"id": k, "name": name, **scores, "support": 5} for k, name in enumerate(names)
        ],
        "mean": scores,
        "accuracy": iou if accuracy is None else accuracy,
        "binary_iou": None,
    }


def counts_card(counts):
    """Scorecard of pixel counts [N,3,K]; all wrong pixels are of the next class."""
    scores = count_scores(counts.sum(0))
    true, _, missed = counts.sum(0)
    matrix = np.diag(true) + np.roll(np.diag(missed), 1, axis=1)
    classes = range(counts.shape[2])
    return {
        "num_images": len(counts),
        "confusion_matrix": matrix.tolist(),
        "per_class": [
            {"id": k, "name": f"class {k}", "support": int(scores.support[k])}
            | {key: float(getattr(scores, key)[k]) for key in KEYS}
            for k in classes
        ],
        "mean": {key: scores.mean(key) for key in KEYS},
        "accuracy": scores.accuracy,
        "binary_iou": None,
    }


def run_metrics(iou=0.5, validation=None, monitor="val/mean_iou"):
    """Content of `metrics.json`, with the scores of the validation part if they are given."""
    metrics = {"test": score_card(iou), "division": "d"}
    if validation is None:
        return metrics
    part = {"validation": score_card(validation), "validation_loss": 1.0, "monitor": monitor}
    return metrics | part
