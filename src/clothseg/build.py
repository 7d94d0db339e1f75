"""Construction of all objects from a checked configuration, top-down."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothseg.augmentation.steps import takes_own_aspect, takes_pictures
from clothseg.config.run_config import DatasetConfig, RunConfig
from clothseg.config.schema import Preparation
from clothseg.config.source_code import code_hashes
from clothseg.config.target import own_package, targets
from clothseg.dataset import Reader
from clothseg.dataset.cropped import crop_to_persons
from clothseg.dataset.skip_defects import skip_defects
from clothseg.error import ConfigError
from clothseg.geometry import OwnAspect
from clothseg.metric.names import PARTS, costly_keys
from clothseg.task import Parsing
from clothseg.terminal.screen import say

if TYPE_CHECKING:
    from pytorch_lightning import Callback, Trainer
    from torch import nn

    from clothseg.cache import Cache, Census, Form, Pictures
    from clothseg.datamodule.batches import SplitBatches
    from clothseg.datamodule.sampling import Shard
    from clothseg.datamodule.training_data import TrainingData
    from clothseg.logger.tracker import Tracker
    from clothseg.loss.class_weights import ClassPixels
    from clothseg.loss.pixelwise import PixelLoss
    from clothseg.model.network import Network
    from clothseg.split import Split
    from clothseg.task.parser import Parser
    from clothseg.task.segmenter import Segmenter
    from clothseg.task.training import Training


def build_dataset(config: DatasetConfig) -> Reader:
    """Build the dataset's reader; skips defective samples and crops to persons as configured."""
    preparation = config.preparation
    reader: Reader = config.dataset()
    own = [
        own_package(node["_target_"], config.trust) for _, node in targets(config.plain["dataset"])
    ]
    if packages := sorted({package.partition(".")[0] for package in own if package}):
        # An edited reader of the user's own decodes the same files in another way.
        for part in {id(one): one for one in (reader, *reader.parts.values())}.values():
            part.treatment += f" {code_hashes(packages)}"
    if preparation.on_error == "skip":
        shared = Preparation.model_fields
        node = {key: v for key, v in config.plain["dataset"].items() if key not in shared}
        reader = skip_defects(reader, node, config.cache / "defects")
    if isinstance(config, RunConfig) and isinstance(config.task, Parsing):
        require_people(config, reader)
    if preparation.crop == "none":
        return reader
    choice = preparation.crop, preparation.crop_margin, preparation.detector
    return crop_to_persons(reader, *choice, config.cache / "boxes")


def open_census(
    config: RunConfig, reader: Reader, forms: "Collection[Form] | None" = None
) -> "Census":
    """Open the census of the dataset; build it first if it does not exist.

    Args:
        config: the checked configuration.
        reader: the dataset.
        forms: forms in which images are decoded in the same pass; None for those that a training
            needs, unless its split uses a few of the images only.
    """
    from clothseg.cache import open_census

    if forms is None:
        forms = pixel_forms(config) if uses_whole_dataset(config) else []
    return open_census(reader, config.labels, config.cache, forms)


def pixel_forms(config: RunConfig) -> "list[Form]":
    """Forms of the images that a training needs: the network's input, and often nothing else."""
    own = own_aspect_form(config)
    return [evaluated_form(config), *([own] if own else [])]


def evaluated_form(config: RunConfig) -> "Form":
    """Form of the images that are evaluated."""
    from clothseg.cache import picture_form

    if isinstance(config.task, Parsing):
        return picture_form(longest_side(config), characteristics(config))
    return config.data.frame


def own_aspect_form(config: RunConfig) -> OwnAspect | None:
    """Form of the images that the augmentation takes; None if they are in the network's input."""
    if not takes_own_aspect(config.augmentation.function):
        return None
    built = config.augmentation(config.data.frame.image_size, config.labels.flip_table)
    return OwnAspect(getattr(built, "longest_side", None))


def uses_whole_dataset(config: RunConfig) -> bool:
    """Return False for splits of which it is known in advance that they use only a few images."""
    return config.data.max_train_images is None and "images" not in config.split.arguments


def open_pixels(config: RunConfig, reader: Reader, census: "Census", split: "Split") -> "Cache":
    """Open the decoded images of a split; decode them first if they are not stored."""
    from clothseg.cache import open_pixels

    return open_pixels(census, reader, config.labels, config.data.frame, split.names)


def open_evaluated(
    config: RunConfig, reader: Reader, census: "Census", split: "Split"
) -> "Cache | Pictures":
    """Open the decoded images of a split in the form in which they are evaluated."""
    from clothseg.cache import open_pictures

    if not isinstance(config.task, Parsing):
        return open_pixels(config, reader, census, split)
    size, kinds = longest_side(config), characteristics(config)
    return open_pictures(census, reader, config.labels, size, kinds, split.names)


def open_training_pixels(
    config: RunConfig, reader: Reader, census: "Census", split: "Split"
) -> "Cache | Pictures":
    """Open the decoded images of a split with those that the augmentation takes."""
    from clothseg.cache import Cache, open_own_aspect

    cache, form = open_evaluated(config, reader, census, split), own_aspect_form(config)
    if form is None or not isinstance(cache, Cache):
        return cache
    images = open_own_aspect(census, reader, config.labels, form, split.train)
    return replace(cache, own_aspect=images)


def build_cache(config: RunConfig, reader: Reader) -> "Cache":
    """Open the census and the decoded images of all samples."""
    from clothseg.cache import open_cache

    return open_cache(reader, config.labels, config.data.frame, config.cache)


def build_split(config: RunConfig, census: "Census") -> "Split":
    """Build the split into training, validation and test images.

    `data.max_train_images` also reduces numbers of the split that the dataset is too small for.

    Raises:
        ConfigError: the dataset cannot be split in this way, or all pixels of a part are ignored.
    """
    from clothseg.split import fit_to_budget, fit_to_dataset, ignored_parts

    max_images = config.data.max_train_images
    try:
        split: Split = config.split(census)
    except ConfigError as error:
        fitted = None if max_images is None else fit_to_dataset(config.plain["split"], census)
        if fitted is None:
            raise
        sizes = f"{len(fitted.train)} training and {len(fitted.test)} test images instead"
        say(f"warning: data.max_train_images allows {sizes}: {error.problems[0]}")
        split = fitted
    if max_images is not None:
        split = fit_to_budget(config.plain["split"], split, census, max_images)
    if ignored := ignored_parts(census, split):
        raise ConfigError([f"split: {problem}" for problem in ignored])
    return split


def build_batches(
    config: RunConfig, cache: "Cache | Pictures", split: "Split", shard: "Shard | None" = None
) -> "SplitBatches":
    """Build the loaders of evaluated images, for all batches or for the shard of one process."""
    from clothseg.datamodule.images import ImageBatches
    from clothseg.datamodule.pictures import PictureBatches

    kind = PictureBatches if isinstance(config.task, Parsing) else ImageBatches
    return kind(**_loading(config, cache, split, shard))


def build_data(
    config: RunConfig, cache: "Cache | Pictures", split: "Split", shard: "Shard | None" = None
) -> "TrainingData":
    """Build the data module of a training, for all batches or for the shard of one process."""
    from clothseg.datamodule.training_data import ParsingData, SegmentationData

    kind = ParsingData if isinstance(config.task, Parsing) else SegmentationData
    if isinstance(config.task, Parsing) and not takes_pictures(config.augmentation.function):
        target = config.plain["augmentation"]["_target_"]
        raise ConfigError(
            [
                f"augmentation._target_={target}: task=parsing needs one that takes several maps; "
                "mark its function with clothseg.augmentation.steps.of_pictures"
            ]
        )
    return kind(**_loading(config, cache, split, shard))


def _loading(
    config: RunConfig, cache: "Cache | Pictures", split: "Split", shard: "Shard | None"
) -> dict[str, Any]:
    from clothseg.datamodule.sampling import Shard, image_weights

    data, weights = config.data, None
    if data.sampling != "uniform":
        presence = cache.presence[[cache.index_of[name] for name in split.train]]
        weights = image_weights(presence, data.sampling, data.repeat_threshold)
    return {
        "cache": cache,
        "split": split,
        "augmentation": config.augmentation(data.frame.image_size, config.labels.flip_table),
        "batch_size": data.batch_size,
        "workers": data.workers,
        "seed": config.seed,
        "accumulation_steps": config.execution.accumulation_steps,
        "shard": shard or Shard(),
        "weights": weights,
    }


def build_segmenter(config: RunConfig) -> "Segmenter":
    """Build a newly initialized network with its postprocessing, without a training."""
    from clothseg.task.segmenter import Segmenter

    return Segmenter(**_segmenter(config))


def build_parser(config: RunConfig) -> "Parser":
    """Build a newly initialized network for human parsing, without a training."""
    from clothseg.task.parser import Parser

    return Parser(**_parser(config))


def build_task(config: RunConfig, pixels: "ClassPixels | None" = None) -> "Training":
    """Build the Lightning module with a newly initialized network.

    Args:
        config: the checked configuration.
        pixels: class frequencies of the training set; required by losses with class weights.
    """
    from clothseg.task.human_parsing import HumanParsing
    from clothseg.task.semantic_segmentation import SemanticSegmentation

    shared: dict[str, Any] = {
        "seed": config.seed,
        "optimizer": config.optimizer.given,
        "scheduler": config.scheduler,
        "costly": {*costly_keys(_monitors(config)), *config.metric.validation},
    }
    if isinstance(config.task, Parsing):
        return HumanParsing(**_parser(config), **shared, loss=config.loss.given(pixels))
    parts = _segmenter(config)
    return SemanticSegmentation(
        **parts,
        **shared,
        loss=_supervised(build_loss(config, pixels), parts["network"]),
        train_scores=config.metric.train,
    )


def map_values(config: RunConfig) -> dict[str, list[str]]:
    """Names of the values of each map that a network for human parsing predicts, parts first."""
    names = config.dataset().further_names
    own = {kind: list(names[kind]) for kind in characteristics(config)}
    return {PARTS: list(config.labels.names), **own}


def characteristics(config: RunConfig) -> list[str]:
    """Maps that a network for human parsing predicts besides the parts."""
    return list(config.model.arguments.get("characteristics", []))


def longest_side(config: RunConfig) -> int:
    """Longest side of the images of human parsing, pixels."""
    return max(config.data.frame.size)


def require_people(config: RunConfig, reader: Reader) -> None:
    """Check that a dataset has what human parsing needs.

    Raises:
        ConfigError: it does not tell people apart, or lacks a characteristic; lists what it has.
    """
    if not reader.has_people:
        raise ConfigError(
            [
                "task=parsing: the dataset does not tell people apart; dataset=cihp and "
                "dataset=ccihp do, and scripts/dataset.py action=draw dataset=ccihp draws one"
            ]
        )
    names = reader.further_names
    if missing := [kind for kind in characteristics(config) if kind not in names]:
        has = f"it has {', '.join(names)}" if names else "it has none"
        raise ConfigError(
            [
                f"model.characteristics: the dataset has no maps of {', '.join(missing)}; {has}: "
                f"model.characteristics=[{','.join(names)}]"
            ]
        )


def build_network(config: RunConfig, classes: int) -> "Network":
    """Build a network with initial weights; a plain one of the user's own is wrapped."""
    from clothseg.model.network import as_network

    return as_network(config.model.given(config.backbone(), classes), config.data.frame.image_size)


def build_loss(config: RunConfig, pixels: "ClassPixels | None") -> "PixelLoss":
    """Build the loss; a plain one of the user's own is adapted."""
    from clothseg.loss.plain import as_loss

    return as_loss(config.loss.given(pixels))


def _supervised(loss: "PixelLoss", network: "Network") -> "PixelLoss":
    """Apply a loss to the auxiliary outputs of a network, too, if it has any."""
    from clothseg.loss.combined import DeepSupervision

    return DeepSupervision(loss, network.output_weights) if network.output_weights else loss


def _segmenter(config: RunConfig) -> dict[str, Any]:
    import torch

    torch.manual_seed(config.seed)
    names = config.labels.names
    network = build_network(config, len(names))
    _place(network, config)
    return {
        "network": network,
        "names": names,
        "normalization": config.data.normalization,
        "postprocess": config.postprocess(),
    }


def _parser(config: RunConfig) -> dict[str, Any]:
    import torch

    assert isinstance(config.task, Parsing)
    torch.manual_seed(config.seed)
    values = map_values(config)
    sizes = {name: len(names) for name, names in values.items()}
    network = config.model.given(config.backbone(), sizes)
    _place(network, config)
    return {
        "network": network,
        "values": values,
        "normalization": config.data.normalization,
        "rules": config.task.rules,
    }


def _place(network: "nn.Module", config: RunConfig) -> None:
    """Apply the trainer's settings of memory and compilation to a network."""
    import torch

    if config.execution.channels_last:
        network.to(memory_format=torch.channels_last)
    if config.execution.compile:
        network.compile()  # in place, which keeps the state_dict names


def _monitors(config: RunConfig) -> list[str]:
    """Metrics that the callbacks and the schedule of a run monitor."""
    calls = [*config.callbacks.values(), config.scheduler]
    return [call.arguments["monitor"] for call in calls if "monitor" in call.arguments]


def build_trainer(
    config: RunConfig, folder: Path, observers: "list[Callback]", world_size: int = 1
) -> "Trainer":
    """Build the trainer with the configured callbacks and the run's own observers.

    Args:
        config: the checked configuration.
        folder: run folder.
        observers: callbacks that are called before the configured ones.
        world_size: number of processes of the run.
    """
    callbacks = [callback for call in config.callbacks.values() for callback in call(folder)]
    trainer: Trainer = config.trainer([*observers, *callbacks], world_size)
    return trainer


def build_trackers(config: RunConfig) -> "list[Tracker]":
    """Build the configured loggers; none for records older than the group `logger`.

    A user's own function may return a PyTorch Lightning logger, which is adapted.
    """
    return [_tracker(name, call()) for name, call in config.logger.items()]


def _tracker(name: str, built: Any) -> "Tracker":
    from clothseg.logger.lightning_tracker import LightningTracker
    from clothseg.logger.tracker import Tracker

    return built if isinstance(built, Tracker) else LightningTracker(lambda subject: built, name)
