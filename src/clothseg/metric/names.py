"""Scores of all tasks, each stated once; does not import torch.

Every other list of scores derives from :data:`SCORES`: the columns of scorecards and tables, what
callbacks may monitor, keys of loggers, labels of figures. A new score is an entry here, and its
arithmetic: an attribute of the same name of :class:`clothseg.metric.confusion.ClassScores` or of
:class:`clothseg.metric.segmentation.Scores`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

Task = Literal["semantic", "parsing"]

PARTS = "parts"
"""Name of the map of parts among those of human parsing; the others are characteristics."""


@dataclass(frozen=True)
class Score:
    """A score, or the loss.

    Args:
        key: key in a scorecard.
        heading: heading of its column in a table.
        tasks: tasks that have it.
        higher_is_better: direction of improvement.
        fraction: True for values from 0 to 1, which tables and figures show in percent.
        per_class: True if every class has a value; the value of a dataset is then their mean.
        per_image: True if it is defined for a single image too, and hence for each source of a
            merged dataset.
        from_matrix: True if it follows from the confusion matrix of all pixels alone.
        costly: True if it is computed in validation only if something monitors it, or if
            `metric.validation` names it: on the CPU, 7 to 15 s for 2,400 images.
        tabulated: True if every table of classes has a column for it.
        bounded: False if it can exceed 1.
    """

    key: str
    heading: str
    tasks: tuple[Task, ...] = ("semantic", "parsing")
    higher_is_better: bool = True
    fraction: bool = True
    per_class: bool = True
    per_image: bool = True
    from_matrix: bool = True
    costly: bool = False
    tabulated: bool = False
    bounded: bool = True

    @property
    def name(self) -> str:
        """Name of the value of a dataset, such as `accuracy` and `mean_iou`."""
        return f"mean_{self.key}" if self.per_class else self.key

    @property
    def title(self) -> str:
        """Name of the value of a dataset for people, such as `accuracy` and `mean IoU`."""
        return f"mean {self.heading}" if self.per_class else self.heading


LOSS = Score(
    "loss", "loss", higher_is_better=False, fraction=False, per_class=False, from_matrix=False
)
ACCURACY = Score("accuracy", "accuracy", per_class=False)
BINARY_IOU = Score("binary_iou", "binary IoU", per_class=False)
PRECISION = Score("precision", "precision", tabulated=True)
RECALL = Score("recall", "recall", tabulated=True)
F1 = Score("f1", "F1", tabulated=True)
IOU = Score("iou", "IoU", tabulated=True)
IOU_IMAGE = Score("iou_image", "image IoU", from_matrix=False)
IOU_PLUS = Score("iou_plus", "IoU+", from_matrix=False, costly=True)
BOUNDARY_IOU = Score(
    "boundary_iou", "boundary IoU", from_matrix=False, per_image=False, costly=True
)
APR = Score(
    "apr", "AP^r", ("parsing",), per_class=False, per_image=False, from_matrix=False, bounded=False
)
APP = Score("app", "AP^p", ("parsing",), per_class=False, per_image=False, from_matrix=False)
PCP = Score("pcp", "PCP", ("parsing",), per_class=False, per_image=False, from_matrix=False)

SCORES = (
    ACCURACY,
    BINARY_IOU,
    PRECISION,
    RECALL,
    F1,
    IOU,
    IOU_IMAGE,
    IOU_PLUS,
    BOUNDARY_IOU,
    APR,
    APP,
    PCP,
)
"""All scores, in the order of their columns."""

HEADLINES: dict[Task, tuple[Score, ...]] = {"semantic": (F1, IOU), "parsing": (IOU, APR, APP)}
"""Scores by which a run of a task is summarized in one line."""

PRIMARY = IOU
"""Score that is logged for every class in every epoch, and that decides where nothing else does."""

DEFAULT_MONITOR = f"val/{PRIMARY.name}"

COSTLY = tuple(score.key for score in SCORES if score.costly)
"""Keys of the costly scores."""

EPOCH_SCORES = {score.name: score for score in (LOSS, *SCORES)}
"""Values that an epoch may have, by name."""

VALIDATION_LOSS = f"val/{LOSS.name}"

MONITORS = {f"val/{name}": score for name, score in EPOCH_SCORES.items()}
"""Metrics that a callback or a schedule may monitor, by their name in the history of a run."""

if TYPE_CHECKING:  # a type checker takes literal strings only
    EpochScore = str
    Monitor = str
    CostlyScore = str
else:
    EpochScore = Literal[*EPOCH_SCORES]
    Monitor = Literal[*MONITORS]
    CostlyScore = Literal[*COSTLY]


def task_scores(task: Task) -> tuple[Score, ...]:
    """Return the scores of a task, in the order of their columns."""
    return tuple(score for score in SCORES if task in score.tasks)


def headline(names: Collection[str]) -> tuple[Score, ...]:
    """Return the scores of one line for a run that has scores of these names.

    Args:
        names: names of the scores, such as `mean_iou`.
    """
    task: Task = "parsing" if APR.name in names else "semantic"
    return HEADLINES[task]


def improvement(monitor: str) -> Literal["min", "max"]:
    """Return the direction in which a monitored metric improves."""
    return "max" if MONITORS[monitor].higher_is_better else "min"


def costly_keys(monitors: Collection[str]) -> tuple[str, ...]:
    """Return the keys of the costly scores among monitored metrics."""
    return tuple(score.key for name, score in MONITORS.items() if score.costly and name in monitors)
