"""Files of `conf/table`: one kind of table or figure each."""

from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, Field, model_validator

from clothseg.config.suggestion import did_you_mean
from clothseg.config.table.cell import (
    BY_KEY,
    FILE,
    Footnote,
    Numbers,
    Row,
    Unit,
    unique_problem,
)
from clothseg.error import ConfigError
from clothseg.json_file import require_shape
from clothseg.shipped import CONF, options

GROUP = "table"

Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
"""Seeds of the runs of each cell."""


class Titled(BaseModel):
    """Number, caption and remarks of every table and figure."""

    model_config = FILE

    number: str
    """Number in the paper, such as `Table II`."""
    caption: str
    footnotes: tuple[Footnote, ...] = ()


class ScoreTable(Titled, Numbers):
    """Scores and measurements of runs, beside those of the paper."""

    kind: Literal["scores"]
    best: Literal["row", "column"] | None = None
    """Cells among which the best of ours is bold, with all that cannot be told from it."""
    seeds: Seeds = (0,)

    @model_validator(mode="after")
    def _require_places(self) -> "ScoreTable":
        rows = [row.name for row in self.rows]
        columns = [column.heading for column in self.columns]
        problems = [unique_problem("rows", rows), unique_problem("columns", columns)]
        problems += [
            f"footnote: no {kind} {name}"
            for note in self.footnotes
            for kind, name, names in (("row", note.row, rows), ("column", note.column, columns))
            if name is not None and name not in names
        ]
        if any(problems):
            raise ValueError("; ".join(filter(None, problems)))
        return self


class Choice(BaseModel):
    """Row of a selection, with the options that the paper has selected."""

    model_config = FILE

    name: str
    experiment: str
    printed: dict[str, str]


class Selection(Titled):
    """Options of each experiment that are the best of a grid."""

    kind: Literal["selection"]
    grid: dict[str, tuple[str, ...]]
    """Options by group; all of their combinations are trained."""
    select: tuple[str, ...] = Field(min_length=1)
    """Keys of the scores that decide, those of a tie by the next one."""
    seeds: Seeds = (0,)
    rows: tuple[Choice, ...]

    @model_validator(mode="after")
    def _require_options(self) -> "Selection":
        for row in self.rows:
            for group, option in row.printed.items():
                if option not in self.grid.get(group, ()):
                    raise ValueError(f"row {row.name}: {group}={option} is not in the grid")
        if unknown := [key for key in self.select if key not in BY_KEY]:
            raise ValueError(f"select {', '.join(unknown)}: must be of {', '.join(BY_KEY)}")
        return self


class Gathered(BaseModel):
    """Class of a label space, with the source names that the paper prints."""

    model_config = FILE

    name: str
    printed: tuple[str, ...]


class LabelTable(Titled):
    """Source names that each class of a label space gathers."""

    kind: Literal["labels"]
    labels: str
    dataset: str
    """Dataset whose names are shown; the label space may gather those of others too."""
    rows: tuple[Gathered, ...]


class Setting(BaseModel):
    """Column of settings: a key of the composed experiments."""

    model_config = FILE

    heading: str
    key: str


class Settled(BaseModel):
    """Row of settings, with the values that the paper prints."""

    model_config = FILE

    name: str
    experiment: str
    overrides: tuple[str, ...] = ()
    printed: tuple[float | str, ...]


class SettingTable(Titled):
    """Values of keys in experiments, which need no runs."""

    kind: Literal["settings"]
    columns: tuple[Setting, ...]
    rows: tuple[Settled, ...]


class Block(BaseModel):
    """Row of a table about a network: what the paper prints, and what our network has."""

    model_config = FILE

    name: str
    printed: tuple[float | str | None, ...]
    ours: tuple[float | str | None, ...]


class NetworkTable(Titled):
    """Layers and parameters of a network; tests compare `ours` with the network."""

    kind: Literal["network"]
    model: str
    """Architecture in `conf/model`."""
    columns: tuple[str, ...]
    rows: tuple[Block, ...]


class Counted(BaseModel):
    """Column of the statistics of a dataset."""

    model_config = FILE

    heading: str
    quantity: Literal[
        "pixels", "images", "instances", "pixel_share", "image_share", "mean_area_share"
    ]
    """Column of `classes.csv`, see `scripts/dataset.py action=statistics`."""
    subset: Literal["train", "validation", "test"] | None = None
    """Part of the split of a run of `experiment`; None: the whole dataset."""
    unit: Unit = "count"
    decimals: Annotated[int, Field(ge=0, le=4)] = 0


class StatisticsTable(Titled):
    """Numbers of images, objects and pixels of each class of a dataset."""

    kind: Literal["statistics"]
    dataset: str
    experiment: str | None = None
    """Experiment whose split has the subsets."""
    shrunk: tuple[str, ...] = ()
    columns: tuple[Counted, ...]
    rows: tuple[Row, ...]


class Shown(BaseModel):
    """Runs in a figure."""

    model_config = FILE

    experiment: str
    name: str = ""
    overrides: tuple[str, ...] = ()
    shrunk: tuple[str, ...] = ()


class Panel(BaseModel):
    """Picture of a figure."""

    model_config = FILE

    caption: str
    draw: Literal[
        "confusion_matrix", "class_iou", "curves", "bars", "speed_accuracy", "run_figure",
        "examples", "comparison", "statistics", "label_scales",
    ]  # fmt: skip
    """Kind of picture, see :mod:`clothseg.commands.tables.panels`."""
    runs: tuple[Shown, ...] = ()
    """Runs that it shows, of the figure's first seed."""
    scores: tuple[str, ...] = ()
    """Names of the scores of `curves` and `bars`, such as `accuracy`."""
    class_name: str | None = Field(None, alias="class")
    """Class of `examples`; None: the best and the worst images."""
    file: str = ""
    """Name of a figure of a run, or of the statistics of a dataset, without its suffix."""
    dataset: str = ""
    """Dataset of `statistics` and `label_scales`."""
    num_images: Annotated[int, Field(ge=1, le=20)] = 4
    """Images of `comparison`, and of each kind in `examples`."""


class Figure(Titled):
    """Figure of a paper."""

    kind: Literal["figure"]
    seed: Annotated[int, Field(ge=0)] = 0
    panels: tuple[Panel, ...] = Field(min_length=1)


TableFile = Annotated[
    ScoreTable | Selection | LabelTable | SettingTable | NetworkTable | StatisticsTable | Figure,
    Field(discriminator="kind"),
]


def table_names(text: str | None) -> list[str]:
    """Names of the files that a table, a paper or nothing selects.

    Raises:
        ConfigError: there is no such file or folder.
    """
    known = options(GROUP)
    chosen = [name for name in known if text in (None, name, name.partition("/")[0])]
    if not chosen:
        papers = dict.fromkeys(name.partition("/")[0] for name in known)
        hint = did_you_mean(str(text), [*papers, *known])
        raise ConfigError([f"table={text}: no such table; {hint}"])
    return chosen


def read_table(name: str) -> Any:
    """Read a file of `conf/table`; returns an object of the class of its kind.

    Args:
        name: path without its suffix, such as `inacio2019/table2`.

    Raises:
        DataError: names the file and the first violation.
    """
    path = CONF / GROUP / f"{name}.yaml"
    return require_shape(yaml.safe_load(path.read_text()), TableFile, path, "see conf/README.md")
