"""Names under which runs are logged to Weights & Biases, for the tracker and for pages of them.

The scores of a run are named by :func:`clothseg.metric.scorecard.flat_scores`, those of its epochs
by the columns of `history.csv`. This module imports nothing heavy.
"""

from collections.abc import Iterable
from typing import Literal

JobType = Literal["fold", "run", "summary"]
"""Fold of a cross-validation, run of a split without folds, or the mean over all folds."""

SCORE = "score"
"""Monitored score of the validation part at the best epoch, or its mean over folds."""
DEVIATION = "/std"
"""Ending of the standard deviation over folds of a score, in a summary."""
EPOCH_SCORES = "val/*"
"""Scores of an epoch that a summary has of the best one."""

CLASS_TABLE = "test/per_class"
CONFUSION = "test/confusion_matrix"
CONFUSION_TABLE = f"{CONFUSION}_table"
"""Table of the chart :data:`CONFUSION`, as the client names it."""
CONFUSION_CHART = "wandb/confusion_matrix/v1"
"""Chart of the service that shows it."""
CONFUSION_COLUMNS = ("Actual", "Predicted", "nPredictions")

EXAMPLES = ("best", "worst")
"""Kinds of test images that are logged, as in :attr:`clothseg.logger.tracker.Results.examples`."""
EXAMPLE_TABLE = "examples/table"

MAX_GROUP_LENGTH = 128
"""Maximum number of characters that the service accepts for a group name."""


def examples_key(kind: str) -> str:
    """Key of the best or worst test images; in human parsing, first part of the key of each."""
    return f"examples/{kind}"


def numbered(key: str, number: int) -> str:
    """Key of one of several images."""
    return f"{key}_{number}"


def figure_key(name: str) -> str:
    """Key of a figure of a record."""
    return f"figures/{name}"


def class_key(part: str, score: str, name: str) -> str:
    """Key of a score of a class, such as `test/iou/Hat`."""
    return f"{part}/{score}/{name}"


def shown_group(group: str) -> str:
    """Group of a run at the service, which keeps the signature at the end."""
    return group[-MAX_GROUP_LENGTH:]


def choices_key(group: str) -> str:
    """Key of the chosen option of a config group in the configuration of a run."""
    return f"choices.{group}"


def with_deviation(keys: Iterable[str]) -> list[str]:
    """Keys of scores in the summary of all folds, each followed by that of its deviation."""
    return [name for key in keys for name in (key, key + DEVIATION)]
