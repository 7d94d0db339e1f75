"""Small splits for checking that a network can learn, before long trainings."""

import hashlib
import json
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from clothseg.error import ConfigError, abbreviate
from clothseg.split.division import (
    Seed,
    Split,
    class_frequency_difference,
    group_sizes,
    stratification_labels,
)
from clothseg.split.grouping import (
    any_per_group,
    balance,
    image_groups,
    size_warnings,
    stratified_sample,
)

if TYPE_CHECKING:
    from clothseg.cache import Census


Images = Annotated[int, Field(ge=1)] | Annotated[list[str | int], Field(min_length=1)]
"""Number of images, or their names."""


def overfit(census: "Census", *, images: Images) -> Split:
    """The same few images for training, validation and testing.

    Unless named, they are the images with the most classes. Ties are resolved in favor of the image
    whose smallest class is largest, because tiny regions are more likely to be annotation errors.

    Args:
        census: the samples with their classes.
        images: number of images, or their names.

    Raises:
        ConfigError: there are fewer images, or none of that name.

    Source: castro2019, section 8.4, step 1, "overfit a complex example".
    """
    if isinstance(images, int):
        chosen = _most_classes(census, images)
    else:
        chosen = list(dict.fromkeys(map(str, images)))
        missing = [name for name in chosen if name not in census.index_of]
        if missing:
            raise ConfigError(
                [
                    f"split.images: no image named {abbreviate(missing)}; names in this "
                    f"dataset look like {abbreviate(census.names)}"
                ]
            )
    return Split(chosen, chosen, chosen, division=_hash(chosen), deviation=0.0)


def _most_classes(census: "Census", images: int) -> list[str]:
    if images > len(census.names):
        raise ConfigError([f"split.images={images}: there are only {len(census.names)} images"])
    sizes = np.where(census.presence, census.pixels, census.pixels.max() + 1).min(1)
    order = np.lexsort((-sizes, -census.presence.sum(1)))
    return [census.names[index] for index in order[:images]]


def subset(
    census: "Census",
    *,
    images: Annotated[int, Field(ge=2)],
    seed: Seed,
    group_near_duplicates: bool = True,
) -> Split:
    """Two small parts with the class frequencies of the dataset, for training and evaluation.

    Args:
        census: the samples with their classes, sources and hashes.
        images: approximate number of images in each part.
        seed: random seed of the subset.
        group_near_duplicates: True to keep near-duplicates in the same part.

    Raises:
        ConfigError: there are too few distinct images.

    Source: castro2019, section 8.4, step 2, "overfit a subset with high variety".
    """
    groups = image_groups(census, group_near_duplicates)
    count = int(groups.max()) + 1
    if 2 * images >= count:
        raise ConfigError(
            [
                f"split.images={images}: two parts of {images} images need more than "
                f"{2 * images} distinct images, but there are {count}"
            ]
        )
    labels = stratification_labels(census)
    presence = any_per_group(labels, groups)
    sampled = stratified_sample(presence, 2 * images / count, seed)
    indices = np.flatnonzero(sampled)
    tested = np.zeros_like(sampled)
    tested[indices[stratified_sample(presence[indices], 0.5, seed)]] = True
    part = sampled.astype(int) + tested  # 0 unused, 1 training, 2 test
    fraction = images / len(groups)
    part = balance(part, labels, groups, [1 - 2 * fraction, fraction, fraction])
    names = np.array(census.names)
    train, test = names[part == 1].tolist(), names[part == 2].tolist()
    return Split(
        train=train,
        validation=test,
        test=test,
        division=_hash([train, test]),
        deviation=class_frequency_difference(census.presence, part),
        groups=group_sizes(groups),
        warnings=size_warnings(
            {"training": (len(train), images), "test": (len(test), images)}, groups, len(groups)
        ),
    )


def _hash(content: object) -> str:
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=8).hexdigest()
