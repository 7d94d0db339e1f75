"""Settings of the commands other than training, with types and ranges.

This module does not import torch.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationInfo, field_validator

from clothseg.config.output_path import PNG, OutputFile, require_ending
from clothseg.config.schema import STRICT, Labels, Node
from clothseg.logger import Entity, Project
from clothseg.metric.names import EpochScore
from clothseg.trainer import Count, Processes

JSON = ".json"

Scales = Annotated[list[Annotated[float, Field(ge=0.25, le=4)]], Field(min_length=1)]


def _as_text(value: Any) -> Any:
    """Take a number for its digits; the command line reads `1001` as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Name = Annotated[str, BeforeValidator(_as_text)]
"""Name of an image or a class, which may be a number."""


class Evaluate(BaseModel):
    """Configuration of `scripts/evaluate.py`."""

    model_config = STRICT

    run: str
    """Run folder."""
    subset: Literal["train", "validation", "test", "held_out"]
    """Subset of the run's split to score."""
    root: str | dict[str, str] | None
    """New folder of the dataset if it has moved; for a merged dataset, one per source."""
    cache: str
    """Folder of decoded images; that of the record is not used."""
    devices: Processes
    """Number of processes, one per GPU; does not affect the scores."""
    tta: Literal["none", "flip"]
    """Test-time augmentation: `flip` averages over the image and its horizontal flip."""
    scales: Scales
    """Input scales to average over, relative to the training image size."""
    ensemble: Literal["none", "folds"]
    """`folds` averages the networks of all folds of the run's cross-validation."""
    resolution: Literal["network", "original"]
    """Resolution of the scored masks: that of the network input, or of the original images."""
    output: OutputFile | None
    """JSON file to write."""
    trust: list[str]
    """Packages whose functions the recorded configuration may use."""


class Predict(BaseModel):
    """Configuration of `scripts/predict.py`."""

    model_config = STRICT

    run: str
    """Run folder."""
    input: str
    """Photo, folder, or glob pattern."""
    output: str
    """Output folder."""
    tta: Literal["none", "flip"]
    """Test-time augmentation: `flip` averages over the image and its horizontal flip."""
    scales: Scales
    """Input scales to average over, relative to the training image size."""
    ensemble: Literal["none", "folds"]
    """`folds` averages the networks of all folds of the run's cross-validation."""
    overlays: bool
    """Write visualizations of the masks over the images."""
    opacity: Annotated[float, Field(gt=0, le=1)]
    """Opacity of the class colors in overlays."""
    trust: list[str]
    """Packages whose functions the recorded configuration may use."""


class Export(BaseModel):
    """Configuration of `scripts/export.py`."""

    model_config = STRICT

    run: str
    """Run folder."""
    format: Literal["onnx"]
    """File format."""
    output: OutputFile
    """File to write."""
    opset: Annotated[int, Field(ge=18, le=23)]
    """ONNX opset version."""
    trust: list[str]
    """Packages whose functions the recorded configuration may use."""


class Score(BaseModel):
    """Configuration of `scripts/score.py`."""

    model_config = STRICT

    task: Literal["semantic", "parsing"]
    """Kind of predictions, a module of :mod:`clothseg.commands.score`."""
    prediction: str
    """Folder of predicted masks, or of a submission."""
    target: str
    """Folder of ground-truth masks, or of a part of a dataset."""
    labels: str
    """Label space in conf/labels, or path of a labels.json."""
    output: OutputFile
    """JSON file to write."""
    matching: Literal["reference", "one_to_one"]
    """Rule for several predicted parts that hit the same true part."""
    absent: Literal["nanmean", "mean"]
    """Rule for classes that are predicted but do not exist, in means."""
    characterized: Literal["cut", "majority"]
    """Rule by which a characteristic divides a predicted part."""
    empty_people: bool
    """Count true people without any part."""


TableFormat = Literal["csv", "markdown", "latex"]
TABLE_ENDINGS: dict[TableFormat, str] = {"csv": ".csv", "markdown": ".md", "latex": ".tex"}
"""Endings of the files of tables by their format."""


HTML = ".html"


class Report(BaseModel):
    """Configuration of `scripts/report.py`."""

    model_config = STRICT

    target: Literal["curves", "comparison", "examples", "speed_accuracy", "table", "html", "wandb"]
    """Kind of figure, a table, or pages; a module of :mod:`clothseg.commands.report`."""
    runs: str
    """Folder that contains the runs."""
    format: TableFormat
    """Format of `table`."""
    scores: Annotated[list[EpochScore], Field(min_length=1, max_length=4)]
    """Validation scores, one panel each."""
    train: bool
    """Also draw the scores of the training batches, where they are recorded."""
    average: bool
    """Draw the mean of the runs of each configuration in `curves`."""
    images: list[Name]
    """Names of the test images of `comparison`; none: images over the range of scores."""
    num_images: Annotated[int, Field(ge=1, le=20)]
    """Number of images that `comparison` selects, and of each kind in `examples`."""
    num_photos: Annotated[int, Field(ge=0, le=8)]
    """Number of photos of each kind in `html`."""
    class_name: Name | None
    """Class whose failures `examples` shows; None: the best and the worst images."""
    root: str | dict[str, str] | None
    """New folder of the dataset if it has moved; for a merged dataset, one per source."""
    cache: str
    """Folder of person boxes; that of the records is not used."""
    trust: list[str]
    """Packages whose functions the recorded configurations may use."""
    project: Project
    """Project at Weights & Biases; that of the records is not used."""
    entity: Entity | None
    """Owner of the project; None: the default of the account that is logged in."""
    upload: bool
    """Send the runs to Weights & Biases, and save the workspace and the report there."""
    output: OutputFile
    """File to write: a PNG, a table, a page or JSON; None: in `outputs`, named after the target."""

    @field_validator("output", mode="before")
    @classmethod
    def _named_after_target(cls, value: Any, known: ValidationInfo) -> Any:
        return f"outputs/{known.data.get('target')}{_ending(known)}" if value is None else value

    @field_validator("output")
    @classmethod
    def _with_ending(cls, value: str, known: ValidationInfo) -> str:
        return require_ending(value, _ending(known))


def _ending(known: ValidationInfo) -> str:
    """Ending of the file of a report, by what is known to be valid of its settings."""
    target = known.data.get("target")
    if target == "table":
        return TABLE_ENDINGS[known.data.get("format", "csv")]
    return {"html": HTML, "wandb": JSON}.get(str(target), PNG)


class Status(BaseModel):
    """Configuration of `scripts/status.py`."""

    model_config = STRICT

    runs: str
    """Folder that is searched for sweeps and runs."""
    jobs: Annotated[int, Field(ge=1)]
    """Largest number of jobs of a sweep that are shown one by one."""


class Tables(BaseModel):
    """Configuration of `scripts/tables.py`."""

    model_config = STRICT

    table: str | None
    """Table, figure or paper in `conf/table`; None: all of them."""
    action: Literal["render", "fill"]
    """`render` only reads runs, `fill` trains those that are missing first."""
    runs: str
    """Folder of the runs."""
    output: str
    """Folder of the tables."""
    budget: Literal["full", "small", "smoke"] | None
    """Budget of the runs; None: that of most of them, or the full one to fill."""
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=1)] | None
    """Seeds of the runs; None: those of each table."""
    changes: dict[str, bool | int | float | str | list[Any] | None]
    """Options and keys in which all runs deviate from the saved experiments."""
    data: str | dict[str, str] | None
    """Folder with a subfolder for each dataset, or the folder of each dataset by its name."""


class CacheFolder(BaseModel):
    """Cache that is shared with training runs."""

    model_config = STRICT

    cache: str
    """Folder of counts, detected defects and person boxes."""


class DatasetTask(BaseModel):
    """Configuration of `scripts/dataset.py`."""

    model_config = STRICT

    action: Literal["audit", "statistics", "export", "download", "crop", "draw", "label_scales"]
    """Action, a module of :mod:`clothseg.commands.dataset`."""
    dataset: Node
    labels: Labels
    data: CacheFolder
    output: str
    """Output folder."""
    num_images: Count
    """Number of images that `draw` renders."""
    max_people: Annotated[int, Field(ge=5, le=60)]
    """Maximum number of people in an image that `draw` renders for CIHP and CCIHP."""
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    """Random seed of `draw`."""
    split: str | None
    """Run folder; `statistics` also counts each part of its split."""
    image: Name | None
    """Name of the image of `label_scales`; None: the one with the most classes."""
    image_size: Annotated[int, Field(ge=32, le=1024)]
    """Height and width of its mask, pixels."""
    trust: list[str]
    """Packages whose functions may be used as a `_target_`."""


class Benchmark(BaseModel):
    """Configuration of `scripts/benchmark.py`."""

    model_config = STRICT

    benchmark: Literal[
        "input_pipeline",
        "training_step",
        "evaluation",
        "parsing_scores",
        "parsing_time",
        "start_up",
        "sweep_job",
        "parallel_jobs",
        "gpu_throughput",
        "table",
    ]
    """Benchmark, a module of :mod:`clothseg.benchmark`; `table` updates the README's table."""
    root: str | None
    """Folder of Clothing Co-Parsing; None: the synthetic dataset."""
    image_size: Annotated[int, Field(ge=32, le=4096)] | None
    """Height and width of images, pixels; None: the benchmark's default."""
    batch_size: Annotated[int, Field(ge=2, le=4096)]
    """Images per batch."""
    batches: Count
    """Batches that a contestant processes per turn; the two contestants alternate."""
    repetitions: Count | None
    """Measured turns of each contestant; None: the benchmark's default."""
    threads: Processes
    """CPU threads of PyTorch and OpenCV."""
    output: str
    """Folder of the JSON files."""
