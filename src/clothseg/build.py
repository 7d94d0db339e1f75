"""Construction of all objects from a configuration; the only module that calls targets.

Each config group is instantiated here, top-down, from plain resolved containers.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from clothseg.config.schema import NO_POSTPROCESS, Preparation
from clothseg.config.validation import config_problems
from clothseg.dataset import Reader
from clothseg.dataset.cropped import crop_to_persons
from clothseg.dataset.skip_defects import skip_defects
from clothseg.error import ConfigError
from clothseg.labels import LabelSpace

if TYPE_CHECKING:
    from pytorch_lightning import Callback, Trainer

    from clothseg.cache import Cache, Census
    from clothseg.datamodule.batches import SegmentationData
    from clothseg.datamodule.sampling import Shard
    from clothseg.logger.tracker import Tracker
    from clothseg.loss.class_weights import ClassPixels
    from clothseg.split import Split
    from clothseg.task.semantic import SemanticSegmentation

Config = Mapping[str, Any]


def require_valid(config: Config) -> None:
    """Validate a configuration that was not validated with the command line.

    Raises:
        ConfigError: lists all schema violations, including untrusted targets.
    """
    problems = config_problems(config)
    if problems:
        raise ConfigError(problems)


def build_dataset(config: Config) -> Reader:
    """Build the dataset's reader; skips defective samples and crops to persons as configured."""
    preparation = Preparation.of(config["dataset"])
    shared = Preparation.model_fields
    node = {key: value for key, value in config["dataset"].items() if key not in shared}
    reader = call_target(node)
    folder = Path(config["data"]["cache"])
    if preparation.on_error == "skip":
        reader = skip_defects(reader, node, folder / "defects")
    if preparation.crop == "none":
        return reader
    choice = preparation.crop, preparation.crop_margin, preparation.detector
    return crop_to_persons(reader, *choice, folder / "boxes")


def build_labels(config: Config) -> LabelSpace:
    """Build the label space."""
    return LabelSpace(**config["labels"])


def open_census(config: Config, reader: Reader, sizes: Collection[int] | None = None) -> "Census":
    """Open the census of the dataset; build it first if it does not exist.

    Args:
        config: the resolved configuration.
        reader: the dataset.
        sizes: image sizes to decode in the same pass; None for that of the configuration, unless
            its split uses a few of the images only.
    """
    from clothseg.cache import open_census

    if sizes is None:
        sizes = [config["data"]["image_size"]] if uses_whole_dataset(config) else []
    return open_census(reader, build_labels(config), Path(config["data"]["cache"]), sizes)


def uses_whole_dataset(config: Config) -> bool:
    """Return False for splits of which it is known in advance that they use only a few images."""
    return config["data"].get("max_train_images") is None and "images" not in config["split"]


def open_pixels(config: Config, reader: Reader, census: "Census", split: "Split") -> "Cache":
    """Open the decoded images of a split; decode them first if they are not stored."""
    from clothseg.cache import open_pixels

    size = config["data"]["image_size"]
    return open_pixels(census, reader, build_labels(config), size, split.names)


def build_cache(config: Config, reader: Reader) -> "Cache":
    """Open the census and the decoded images of all samples."""
    from clothseg.cache import open_cache

    data = config["data"]
    return open_cache(reader, build_labels(config), data["image_size"], Path(data["cache"]))


def build_split(config: Config, census: "Census") -> "Split":
    """Build the split into training, validation and test images.

    `data.max_train_images` also reduces numbers of the split that the dataset is too small for.

    Raises:
        ConfigError: the dataset cannot be split in this way.
    """
    from clothseg.split import fit, limit_split

    max_images = config["data"].get("max_train_images")
    try:
        split: Split = call_target(config["split"], census)
    except ConfigError:
        fitted = None if max_images is None else fit(config["split"], census)
        if fitted is None:
            raise
        split = fitted
    seed = config["split"].get("seed", 0)
    return split if max_images is None else limit_split(split, census, max_images, seed)


def build_data(
    config: Config, cache: "Cache", split: "Split", share: "Shard | None" = None
) -> "SegmentationData":
    """Build the data module, for all batches or for the shard of one process."""
    from clothseg.datamodule.batches import SegmentationData
    from clothseg.datamodule.sampling import Shard, image_weights

    data = config["data"]
    flip_table = build_labels(config).flip_table
    sampling = data.get("sampling", "uniform")
    weights = None
    if sampling != "uniform":
        presence = cache.presence[[cache.index_of[name] for name in split.train]]
        weights = image_weights(presence, sampling, data["repeat_threshold"])
    augmentation = call_target(config["augmentation"], data["image_size"], flip_table)
    return SegmentationData(
        cache,
        split,
        augmentation,
        batch_size=data["batch_size"],
        workers=data["workers"],
        seed=config["seed"],
        accumulation_steps=config["trainer"]["accumulation_steps"],
        shard=share or Shard(),
        weights=weights,
    )


def build_task(config: Config, pixels: "ClassPixels | None" = None) -> "SemanticSegmentation":
    """Build the Lightning module with a newly initialized network.

    Args:
        config: the resolved configuration.
        pixels: class frequencies of the training set; required by losses with class weights.
    """
    import torch

    from clothseg.task.semantic import SemanticSegmentation

    torch.manual_seed(config["seed"])
    labels = build_labels(config)
    network = call_target(config["model"], call_target(config["backbone"]), len(labels))
    if config["trainer"]["channels_last"]:
        network.to(memory_format=torch.channels_last)
    if config["trainer"]["compile"]:
        network.compile()  # in place, which keeps the state_dict names
    return SemanticSegmentation(
        network=network,
        loss=call_target(config["loss"], pixels),
        names=labels.names,
        normalization=config["data"]["normalization"],
        seed=config["seed"],
        postprocess=call_target(config.get("postprocess", NO_POSTPROCESS)),
        optimizer=lambda parameters: call_target(config["optimizer"], parameters),
        scheduler=lambda optimizer, steps: call_target(config["scheduler"], optimizer, steps),
    )


def build_trainer(
    config: Config, folder: Path, observers: "list[Callback]", world_size: int = 1
) -> "Trainer":
    """Build the trainer with the configured callbacks and the run's own observers.

    Args:
        config: the resolved configuration.
        folder: run folder.
        observers: callbacks that are called before the configured ones.
        world_size: number of processes of the run.
    """
    callbacks = [
        callback for node in config["callbacks"].values() for callback in call_target(node, folder)
    ]
    return call_target(config["trainer"], [*observers, *callbacks], world_size)


def build_trackers(config: Config) -> "list[Tracker]":
    """Build the configured loggers; none for records older than the group `logger`.

    A user's own function may return a PyTorch Lightning logger, which is adapted.
    """
    return [_tracker(name, call_target(node)) for name, node in config.get("logger", {}).items()]


def _tracker(name: str, built: Any) -> "Tracker":
    from clothseg.logger.lightning_tracker import LightningTracker
    from clothseg.logger.tracker import Tracker

    return built if isinstance(built, Tracker) else LightningTracker(lambda subject: built, name)


def call_target(node: Config, *arguments: Any) -> Any:
    """Call the function of a `_target_` with positional arguments and the node's keys."""
    try:
        return instantiate(dict(node), *arguments, _convert_="all")
    except InstantiationException as error:
        # Hydra wraps the function's exception, which would hide the message from the user.
        raise error.__cause__ or error from None
