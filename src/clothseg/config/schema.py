"""Schema of the fixed parts of a run's configuration, with types and ranges.

A group with a `_target_` has no schema here: its keys are the keyword-only parameters of the target
function, see :mod:`.validation`. This module does not import torch.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator
from pydantic_core import PydanticCustomError

from clothseg.geometry import Fit, Frame, MaskPixel
from clothseg.metric.names import CostlyScore
from clothseg.trainer import Count, Processes

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
Node = dict[str, Any]

MIN_SIDE, MAX_SIDE = 32, 4096
"""Range of the height and of the width of the network's input, pixels."""

NO_POSTPROCESS = {"_target_": "clothseg.postprocess.none"}
"""Value for records that were written before `postprocess` was introduced."""

SEMANTIC: Node = {"_target_": "clothseg.task.semantic"}
"""Value for records that were written before `task` was introduced."""

NO_METRIC: Node = {"train": False}
"""Value for records that were written before `metric` was introduced."""


class Arguments(BaseModel):
    """Base class of a function's arguments, see :mod:`clothseg.config.validation`."""

    model_config = STRICT


def _require_image_size(value: Any) -> Any:
    """Accept one side of a square, or a list of height and width."""
    found = value if isinstance(value, list) else [value, value]
    whole = [side for side in found if isinstance(side, int) and not isinstance(side, bool)]
    if len(found) == len(whole) == 2 and all(MIN_SIDE <= side <= MAX_SIDE for side in whole):
        return value
    raise PydanticCustomError(
        "image_size",
        "must be one number of pixels for both sides, or a list of two, [height,width]; each a "
        f"whole number from {MIN_SIDE} to {MAX_SIDE}",
    )


class Data(BaseModel):
    """Input pipeline settings."""

    model_config = STRICT

    image_size: Annotated[int | list[int], PlainValidator(_require_image_size)]
    """Height and width of the network input, pixels: one number for a square, or a list of two."""
    fit: Fit = "squeeze"
    """Rule by which images are fitted into the network input, see :mod:`clothseg.geometry`."""
    mask_pixel: MaskPixel = "corner"
    """Pixel that gives the class of a pixel of a squeezed mask; `corner` in version 0.1, whose
    records lack this key."""
    batch_size: Count
    """Images per training step, over all devices; some networks need two."""
    workers: Annotated[int, Field(ge=0, le=1024)]
    """Data loader processes; 0 loads in the training process."""
    normalization: Literal["imagenet", "inception", "unit"]
    """Mean and standard deviation for normalizing images."""
    cache: str
    """Folder of the decoded images and of their counts."""
    max_train_images: Count | None = None
    """Maximum number of training images; the other subsets shrink in proportion, and numbers of the
    split to what the dataset has. None: all."""
    sampling: Literal["uniform", "class_balanced", "repeat_factor"] = "uniform"
    """Sampling frequency of images in an epoch, see :mod:`clothseg.datamodule.sampling`."""
    repeat_threshold: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Fraction of the images below which `repeat_factor` treats a class as rare."""

    @property
    def frame(self) -> Frame:
        """Size of the network input, and how images are fitted into it."""
        sampled = self.mask_pixel if self.fit == "squeeze" else "center"
        return Frame.of(self.image_size, self.fit, sampled)


class Preparation(BaseModel):
    """Preparation of samples; keys of every dataset, in addition to its function's own."""

    model_config = STRICT

    on_error: Literal["stop", "skip"] = "stop"
    """Handling of a defective sample: `stop` the command, or `skip` the sample."""
    crop: Literal["none", "mask", "detector"] = "none"
    """Source of the person box that images are cropped to."""
    crop_margin: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Fraction of the box size added on each side."""
    detector: str = "coco"
    """Detector: `coco`, `selfie`, or the path of a file of weights for either."""

    @classmethod
    def of(cls, dataset: Node) -> "Preparation":
        """Select these keys of a dataset's configuration; records of earlier versions lack some."""
        return cls(**{key: dataset[key] for key in cls.model_fields if key in dataset})


class Execution(BaseModel):
    """Settings of a trainer that are also read elsewhere; a user's own trainer may lack some."""

    model_config = STRICT

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Kind of device; `auto` uses a GPU if one is available."""
    devices: Processes | None = 1
    """Number of devices; None: one per GPU."""
    accumulation_steps: Count = 1
    """Micro-batches whose gradients are accumulated."""
    threads: Processes | None = None
    """CPU threads of PyTorch."""
    precision: Literal[32, 16, "bf16"] = 32
    """Number format of the forward pass."""
    channels_last: bool = True
    """Memory format of the weights."""
    compile: bool = False
    """torch.compile of the network."""

    @classmethod
    def of(cls, trainer: Node) -> "Execution":
        """Select these keys of a trainer's configuration; older records lack some."""
        return cls(**{key: trainer[key] for key in cls.model_fields if key in trainer})


class Labels(BaseModel):
    """A label space, see :class:`clothseg.labels.LabelSpace`."""

    model_config = STRICT

    name: str
    names: list[str]
    colors: list[Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]]
    flip_pairs: list[Annotated[list[str], Field(min_length=2, max_length=2)]]
    ignore: list[str]
    gathers: dict[str, list[str]]
    background_id: Annotated[int, Field(ge=0)] = 0


class RunReport(BaseModel):
    """Report of a run."""

    model_config = STRICT

    figures: Literal["all", "summary", "none"] = "all"
    """Figures to draw: of all runs, of complete cross-validations only, or none."""


class Metric(BaseModel):
    """Scores of a run in addition to those of validation and test."""

    model_config = STRICT

    train: bool
    """Also compute scores of the training batches in every epoch."""
    validation: list[CostlyScore] = []
    """Keys of costly scores to compute in every validation, whether or not they are monitored."""


class Config(BaseModel):
    """Configuration of a training run."""

    model_config = STRICT

    dataset: Node
    labels: Labels
    split: Node
    augmentation: Node
    task: Node = SEMANTIC
    model: Node
    backbone: Node
    postprocess: Node = NO_POSTPROCESS
    loss: Node
    optimizer: Node
    scheduler: Node
    trainer: Node
    callbacks: dict[str, Node]
    logger: dict[str, Node] = {}
    data: Data
    report: RunReport = RunReport()
    metric: Metric = Metric(**NO_METRIC)
    decisions: dict[str, str] = {}
    """Open choices of a paper's experiment that are ours: groups or keys, and the reasons."""
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    """Seed of initial weights, sample order, augmentation and dropout."""
    output: str
    """Folder of all run records."""
    rerun: bool
    """Train again even if the run is done."""
    init_from: str | None = None
    """Folder of a run from whose best epoch the network starts."""
    rerun_from: str | None
    """Folder of a run whose recorded configuration is run again."""
    trust: list[str]
    """Packages whose functions may be used as a `_target_`."""
