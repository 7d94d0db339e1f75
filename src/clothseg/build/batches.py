"""Construction of splits and of the batches of their parts."""

from typing import TYPE_CHECKING, Any

from clothseg.augmentation.steps import takes_pictures
from clothseg.config.run_config import RunConfig
from clothseg.error import ConfigError
from clothseg.task import Parsing
from clothseg.terminal.screen import say

if TYPE_CHECKING:
    from clothseg.cache import Cache, Census, Pictures
    from clothseg.datamodule.batches import SplitBatches
    from clothseg.datamodule.sampling import Shard
    from clothseg.datamodule.training_data import TrainingData
    from clothseg.split import Split


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
