"""Opening of censuses and of decoded images, which are built first if they do not exist."""

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from clothseg.augmentation.steps import takes_own_aspect
from clothseg.build.people import characteristics, longest_side
from clothseg.config.run_config import RunConfig
from clothseg.dataset import Reader
from clothseg.geometry import OwnAspect
from clothseg.task import Parsing

if TYPE_CHECKING:
    from clothseg.cache import Cache, Census, Form, Pictures
    from clothseg.split import Split


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
