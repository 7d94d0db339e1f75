"""Shape of `metrics.json`: every key that tables, summaries and loggers read.

Records of all versions have it. Scores that were added later may be missing, and scores that are
unknown, of later versions, are left out.
"""

from typing import TYPE_CHECKING, Annotated, Any, NotRequired

from pydantic import AfterValidator, Field, with_config
from typing_extensions import TypedDict

from clothseg.json_file import KNOWN, STRICT, Count, Ratio
from clothseg.metric.names import ACCURACY, SCORES, Monitor, Score

MAX_PIXELS = 2**53
"""Most pixels of a confusion matrix; sums over a thousand folds fit into 64 bits."""

Positive = Annotated[int, Field(ge=1, le=2**53)]
NotNegative = Annotated[float, Field(ge=0)]


def _fields(scores: tuple[Score, ...]) -> dict[str, Any]:
    """Types of scores by key; those that a table always has are required."""
    required = (ACCURACY, *(score for score in SCORES if score.tabulated))
    values = {score.key: (Ratio if score.bounded else NotNegative) | None for score in scores}
    return {s.key: values[s.key] if s in required else NotRequired[values[s.key]] for s in scores}


PER_CLASS = tuple(score for score in SCORES if score.per_class)
TOTALS = tuple(score for score in SCORES if not score.per_class)

if TYPE_CHECKING:  # a type checker takes literal keys only

    class Totals(TypedDict):
        """Scores that exist for a dataset only."""

    class Means(TypedDict):
        """Means over the classes of their scores."""

    class ClassRow(TypedDict):
        """Scores of a class."""

else:
    ClassRow = with_config(KNOWN)(
        TypedDict("ClassRow", {"id": Count, "name": str, **_fields(PER_CLASS), "support": Count})
    )
    Means = with_config(KNOWN)(TypedDict("Means", _fields(PER_CLASS)))
    Totals = TypedDict("Totals", _fields(TOTALS))


def _require_classes(card: dict[str, Any]) -> dict[str, Any]:
    rows = card["per_class"]
    if [row["id"] for row in rows] != [*range(len(rows))]:
        raise ValueError(f"the ids of per_class must be 0 to {len(rows) - 1}, in this order")
    return card


def _require_matrix(card: dict[str, Any]) -> dict[str, Any]:
    """Compare the confusion matrix with the classes; rows are the ground truth."""
    rows, matrix = card["per_class"], card["confusion_matrix"]
    if [len(counts) for counts in matrix] != [len(rows)] * len(rows):
        raise ValueError(
            f"confusion_matrix must have {len(rows)} rows and columns, one for each of per_class"
        )
    support = [sum(counts) for counts in matrix]
    if support != [row["support"] for row in rows]:
        raise ValueError("the rows of confusion_matrix must add up to the support of each class")
    if sum(support) > MAX_PIXELS:
        raise ValueError(f"confusion_matrix must count {MAX_PIXELS:,} pixels at most")
    return card


@with_config(STRICT)
class SourceCard(Totals):
    """Scores of the images of one source of a merged dataset."""

    num_images: Count
    per_class: Annotated[list[ClassRow], Field(min_length=1)]
    mean: Means


Value = NotNegative | None


@with_config(STRICT)
class Levels(TypedDict):
    """Scores at IoU thresholds, and their mean `vol`."""

    vol: Value
    at_50: Value
    at_75: NotRequired[Value]
    per_threshold: list[Value]
    per_class: NotRequired[dict[str, Value]]


@with_config(STRICT)
class Pixels(TypedDict):
    """IoU of the values of a map, and its means."""

    miou: Value
    miou_foreground: Value
    miou_per_image: Value
    iou: dict[str, Value]
    iou_per_image: dict[str, Value]


@with_config(STRICT)
class ParsingBlock(Pixels):
    """Scores of human parsing, see :class:`clothseg.metric.parsing.scores.ParsingScores`."""

    num_images: Count
    apr: Levels
    app: Levels | None
    pcp: Levels | None
    person_ap: Levels | None
    apcr: dict[str, Levels | None]
    characteristics: dict[str, Pixels | None]


@with_config(STRICT)
class PartCard(SourceCard):
    """Scores of the images of one part of a split."""

    confusion_matrix: list[list[Count]]
    parsing: NotRequired[ParsingBlock]
    by_source: NotRequired[dict[str, Annotated[SourceCard, AfterValidator(_require_classes)]]]


Card = Annotated[PartCard, AfterValidator(_require_classes), AfterValidator(_require_matrix)]


@with_config(STRICT)
class BestEpoch(TypedDict):
    """Epoch with the best value of a metric."""

    epoch: Annotated[float, Field(ge=1)]
    value: float


@with_config(STRICT)
class MetricsFile(TypedDict):
    """Content of `metrics.json`; `validation` and what belongs to it are of version 0.2.0."""

    test: Card
    suspect: NotRequired[list[str]]
    validation: NotRequired[Card]
    validation_loss: NotRequired[float | None]
    monitor: NotRequired[Monitor]
    best_epoch: NotRequired[Positive]
    best_epochs: NotRequired[dict[str, BestEpoch]]
    epochs: NotRequired[Count]
    train_seconds: NotRequired[NotNegative]
    validation_seconds: NotRequired[NotNegative]
    images_per_second: NotRequired[NotNegative]
    parameters: NotRequired[Count]
    inference_ms: NotRequired[NotNegative]
    division: str
    fold_deviation: NotRequired[float]


def _require_validation(metrics: dict[str, Any]) -> dict[str, Any]:
    keys = ("validation", "validation_loss", "monitor")
    missing = [key for key in keys if key not in metrics]
    if 0 < len(missing) < len(keys):
        raise ValueError(f"{' and '.join(missing)}: required key is missing, as there are others")
    if "validation" in metrics and _names(metrics["validation"]) != _names(metrics["test"]):
        raise ValueError("validation must have the classes of test")
    return metrics


def _names(card: dict[str, Any]) -> list[str]:
    return [row["name"] for row in card["per_class"]]


Metrics = Annotated[MetricsFile, AfterValidator(_require_validation)]
