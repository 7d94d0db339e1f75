"""The shape of a configuration: its fixed parts, with types and ranges.

A group that builds something has no schema of its own: the keyword-only parameters of the function
behind its `_target_` are its keys, see :mod:`.validation`. Nothing here imports torch.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
Node = dict[str, Any]

NO_POSTPROCESS = {"_target_": "clothseg.postprocess.none"}
"""What records mean that were written before there was a `postprocess`."""


class Arguments(BaseModel):
    """What a configuration passes to a function, see :mod:`clothseg.config.validation`."""

    model_config = STRICT


class Data(BaseModel):
    """How photos are fed to the network."""

    model_config = STRICT

    image_size: Annotated[int, Field(ge=32, le=4096)]
    """Height and width of what the network sees, pixels."""
    batch_size: Annotated[int, Field(ge=1)]
    """Photos in one training step; some networks need two."""
    workers: Annotated[int, Field(ge=0)]
    """Loader processes; 0 loads in the training process."""
    normalization: Literal["imagenet", "unit"]
    """Mean and deviation that photos are normalised with."""
    cache: str
    """Folder of decoded photos."""
    max_train_images: Annotated[int, Field(ge=1)] | None = None
    """Most training photos; the other parts are cut by the same share. None takes all."""
    sampling: Literal["uniform", "class_balanced", "repeat_factor"] = "uniform"
    """How often a photo is drawn in an epoch, see :mod:`clothseg.datamodule.sampling`."""
    repeat_threshold: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Shard of the photos below which `repeat_factor` takes a class for rare."""


class Preparation(BaseModel):
    """What is done to the samples first; keys of every dataset beside its function's own."""

    model_config = STRICT

    on_error: Literal["stop", "skip"] = "stop"
    """What a defective sample does: stop the command that meets it, or be left out of all."""
    crop: Literal["none", "mask", "detector"] = "none"
    """Where the box of the person comes from that a photo is cut to."""
    crop_margin: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Shard of the box's size that is added on each side."""
    detector: str = "coco"
    """Weights of the detector: `coco`, or the path of a file."""

    @classmethod
    def of(cls, dataset: Node) -> "Preparation":
        """These keys of a dataset's configuration; records of earlier versions lack some."""
        return cls(**{key: dataset[key] for key in cls.model_fields if key in dataset})


class CacheFolder(BaseModel):
    """Where data are kept that a training may use as well."""

    model_config = STRICT

    cache: str
    """Folder of defects and of boxes that were found."""


class Labels(BaseModel):
    """A label space, see :class:`clothseg.labels.LabelSpace`."""

    model_config = STRICT

    name: str
    names: list[str]
    colors: list[Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]]
    flip_pairs: list[Annotated[list[str], Field(min_length=2, max_length=2)]]
    ignore: list[str]
    gathers: dict[str, list[str]]


class Config(BaseModel):
    """The configuration of a training run."""

    model_config = STRICT

    dataset: Node
    labels: Labels
    split: Node
    augmentation: Node
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
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    """Seed of weights, order, augmentation and dropout."""
    output: str
    """Folder of all run records."""
    rerun: bool
    """Train again although the run is done."""
    rerun_from: str | None
    """Folder of a run whose recorded configuration is run again."""
    trust: list[str]
    """Packages whose functions may stand in a `_target_`."""


Scales = Annotated[list[Annotated[float, Field(ge=0.25, le=4)]], Field(min_length=1)]


class Evaluate(BaseModel):
    """The configuration of `scripts/evaluate.py`."""

    model_config = STRICT

    run: str
    """The run folder."""
    subset: Literal["train", "validation", "test", "held_out"]
    """The part of the run's split that is scored."""
    root: str | dict[str, str] | None
    """Where the dataset is now, when it has moved since the run; a mixture's by source."""
    devices: Annotated[int, Field(ge=1)]
    """Processes that share the photos; never changes a score."""
    tta: Literal["none", "flip"]
    """Test-time augmentation: `flip` averages what photo and mirror image give."""
    scales: Scales
    """Sizes at which photos are seen, in units of what the network was trained with."""
    ensemble: Literal["none", "folds"]
    """`folds` averages the networks of all folds of the run's cross-validation."""
    resolution: Literal["network", "original"]
    """Size at which classes are told and scored: the network's, or that of the photos."""
    output: str | None
    """JSON file to write."""
    trust: list[str]
    """Packages whose functions the recorded configuration may name."""


class Predict(BaseModel):
    """The configuration of `scripts/predict.py`."""

    model_config = STRICT

    run: str
    """The run folder."""
    input: str
    """A photo, a folder, or a pattern."""
    output: str
    """Folder of what is written."""
    tta: Literal["none", "flip"]
    """Test-time augmentation: `flip` averages what photo and mirror image give."""
    scales: Scales
    """Sizes at which photos are seen, in units of what the network was trained with."""
    ensemble: Literal["none", "folds"]
    """`folds` averages the networks of all folds of the run's cross-validation."""
    overlays: bool
    """Whether pictures to look at are written."""
    opacity: Annotated[float, Field(gt=0, le=1)]
    """Of the colours over the photo."""
    trust: list[str]
    """Packages whose functions the recorded configuration may name."""


class Export(BaseModel):
    """The configuration of `scripts/export.py`."""

    model_config = STRICT

    run: str
    """The run folder."""
    format: Literal["onnx"]
    """What is written."""
    output: str
    """The file to write."""
    opset: Annotated[int, Field(ge=18, le=23)]
    """Version of ONNX's operators."""
    trust: list[str]
    """Packages whose functions the recorded configuration may name."""


class Score(BaseModel):
    """The configuration of `scripts/score.py`."""

    model_config = STRICT

    task: Literal["semantic"]
    """What the masks show."""
    prediction: str
    """Folder of predicted masks."""
    target: str
    """Folder of true masks."""
    labels: str
    """A label space of conf/labels, or the path of a labels.json."""
    output: str
    """JSON file to write."""


class Report(BaseModel):
    """The configuration of `scripts/report.py`."""

    model_config = STRICT

    target: Literal["curves"]
    """What is drawn."""
    runs: str
    """Folder of the runs."""
    scores: Annotated[
        list[
            Literal[
                "loss",
                "accuracy",
                "binary_iou",
                "mean_precision",
                "mean_recall",
                "mean_f1",
                "mean_iou",
            ]
        ],
        Field(min_length=1, max_length=4),
    ]
    """Scores of the validation part, a panel each."""
    output: str
    """PNG to write."""


class DatasetTask(BaseModel):
    """The configuration of `scripts/dataset.py`."""

    model_config = STRICT

    action: Literal["audit", "statistics", "export", "download", "crop", "draw"]
    """What is done, a module of :mod:`clothseg.commands.dataset`."""
    dataset: Node
    labels: Labels
    data: CacheFolder
    output: str
    """Folder of what an action writes."""
    num_images: Annotated[int, Field(ge=1)]
    """Number of photos that `draw` makes."""
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    """Seed of the drawing."""
    trust: list[str]
    """Packages whose functions may stand in a `_target_`."""


class Benchmark(BaseModel):
    """The configuration of `scripts/benchmark.py`."""

    model_config = STRICT

    benchmark: Literal[
        "input_pipeline",
        "training_step",
        "evaluation",
        "start_up",
        "sweep_job",
        "parallel_jobs",
        "gpu_throughput",
        "table",
    ]
    """What is measured, a module of :mod:`clothseg.benchmark`; `table` writes README's table."""
    root: str | None
    """Folder of Clothing Co-Parsing; None takes the synthetic wardrobe."""
    image_size: Annotated[int, Field(ge=32, le=4096)] | None
    """Height and width of photos, pixels; None takes the benchmark's own."""
    batch_size: Annotated[int, Field(ge=2)]
    """Photos in one batch."""
    batches: Annotated[int, Field(ge=1)]
    """Batches of one contestant before it is the other's turn."""
    repetitions: Annotated[int, Field(ge=1)] | None
    """Turns of each contestant that count; None takes the benchmark's own."""
    threads: Annotated[int, Field(ge=1)]
    """CPU threads of PyTorch and OpenCV."""
    output: str
    """Folder of the JSON files."""
