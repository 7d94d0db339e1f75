"""Sources of cells: the experiment that fills a cell, and the value that is taken from its runs."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from clothseg.metric.names import APR, IOU, MONITORS, SCORES, Score

FILE = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)
"""Configuration of everything in a file of `conf/table`."""

Unit = Literal["percent", "fraction", "count", "millions", "ms", "h"]
SCALES: dict[Unit, float] = {
    **dict.fromkeys(("fraction", "count", "ms"), 1.0),
    **{"percent": 100.0, "millions": 1e-6, "h": 1 / 3600},
}
"""Factors from a recorded value (fractions, milliseconds, seconds) to a printed one."""

Measurement = Literal["inference_ms", "train_seconds", "parameters"]
Characteristic = Literal["color", "size", "pattern"]

CHARACTERIZED = (IOU.key, APR.key)
"""Scores that exist for a characteristic."""
BY_KEY = {score.key: score for score in SCORES}


class Source(BaseModel):
    """Part of the description of a cell; those of its table, its column and its row add up."""

    model_config = FILE

    experiment: str | None = None
    """Saved experiment in `conf/experiment`."""
    overrides: tuple[str, ...] = ()
    """Overrides of the experiment, without sweeps."""
    shrunk: tuple[str, ...] = ()
    """Further overrides of the budgets small and smoke, which fit the network to them."""
    score: str | None = None
    """Key of :data:`clothseg.metric.names.SCORES`; without a class, the value of the dataset."""
    class_name: str | None = Field(None, alias="class")
    """Class in the label space of the experiment, or value of the characteristic."""
    characteristic: Characteristic | None = None
    """Map of human parsing whose score is taken, in place of that of the parts."""
    measurement: Measurement | None = None
    """Measurement in place of a score."""
    own_epoch: bool | None = None
    """Take the validation score of the epoch that is the best by this very score."""
    unit: Unit | None = None
    """Unit in which the paper prints the value."""
    decimals: Annotated[int, Field(ge=0, le=4)] | None = None
    """Decimals that the paper prints."""

    def over(self, other: "Source") -> "Source":
        """Complete this description by another one; overrides of the other come first."""
        values: dict[str, Any] = {
            name: own if (own := getattr(self, name)) is not None else getattr(other, name)
            for name in Source.model_fields
        }
        if self.measurement and other.score and not self.score:
            values["score"] = None
        if self.score and other.measurement and not self.measurement:
            values["measurement"] = None
        values["overrides"] = (*other.overrides, *self.overrides)
        values["shrunk"] = (*other.shrunk, *self.shrunk)
        return Source.model_construct(**values)

    @property
    def problem(self) -> str:
        """Reason why a complete description names no value; empty if it does."""
        if self.experiment is None:
            return "no experiment"
        if (self.score is None) == (self.measurement is None):
            return "needs either a score or a measurement"
        if self.unit is None or self.decimals is None:
            return "no unit or no decimals"
        if self.score is None:
            return ""
        if self.score not in BY_KEY:
            return f"score {self.score}: must be one of {', '.join(BY_KEY)}"
        if self.own_epoch and (self.class_name or self.monitor not in MONITORS):
            return "only scores of the dataset are recorded at their own best epoch"
        if self.characteristic and self.score not in CHARACTERIZED:
            return f"{self.characteristic} has the scores {' and '.join(CHARACTERIZED)}"
        if self.class_name and not self.characteristic:
            named = BY_KEY[self.score].per_class or self.score == APR.key
            return "" if named else f"{self.score} does not exist for a class"
        return ""

    @property
    def is_lower_better(self) -> bool:
        """True for times and sizes."""
        return self.measurement is not None

    @property
    def monitor(self) -> str:
        """Name of the score in the history of a run."""
        return f"val/{BY_KEY[self.score or IOU.key].name}"

    @property
    def scored(self) -> Score | None:
        """The score; None for a measurement."""
        return BY_KEY[self.score] if self.score else None

    @property
    def scale(self) -> float:
        """Factor from the recorded value to the printed one."""
        return SCALES[self.unit or "fraction"]


class Column(Source):
    """Column of a table."""

    heading: str


class Row(Source):
    """Row of a table, with the numbers that the paper prints in it."""

    name: str
    printed: tuple[float | None, ...] = ()
    without: tuple[str, ...] = ()
    """Headings of columns in which there is no such row."""


class Footnote(BaseModel):
    """Remark about a table, a row, a column or a cell."""

    model_config = FILE

    text: str
    row: str | None = None
    column: str | None = None


class Numbers(Source):
    """Columns and rows of numbers that share a description; the grid of a table."""

    columns: tuple[Column, ...] = Field(min_length=1)
    rows: tuple[Row, ...] = Field(min_length=1)

    def source(self, row: Row, column: Column) -> Source:
        """Return the complete description of a cell."""
        return row.over(column.over(self))

    @model_validator(mode="after")
    def _require_complete(self) -> "Numbers":
        for row in self.rows:
            if len(row.printed) not in (0, len(self.columns)):
                raise ValueError(
                    f"row {row.name}: printed must have {len(self.columns)} numbers, or none"
                )
            for column in self.columns:
                if column.heading in row.without:
                    continue
                if problem := self.source(row, column).problem:
                    raise ValueError(f"row {row.name}, column {column.heading}: {problem}")
        return self


def unique_problem(kind: str, names: list[str]) -> str:
    """Message if names repeat, which would make their cells ambiguous; else empty."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    return f"{kind} repeat: {', '.join(repeated)}" if repeated else ""
