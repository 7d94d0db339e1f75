"""Small parts that show whether a network can learn at all, before anything long is trained."""

import hashlib
import json
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from clothseg.dataset.listing import abbreviate
from clothseg.dataset.near_duplicates import near_duplicate_groups
from clothseg.error import ConfigError
from clothseg.split.division import Seed, Split, carve, of_groups, share_deviation, strata

if TYPE_CHECKING:
    from clothseg.cache import Cache


Images = Annotated[int, Field(ge=1)] | Annotated[list[str | int], Field(min_length=1)]
"""How many images, or which by name."""


def overfit(cache: "Cache", *, images: Images) -> Split:
    """A few photos, which are trained on, validated and tested.

    They are those with the most classes unless they are named. Of photos with equally many classes
    those come first whose smallest class is the largest: small specks of a class are more likely a
    slip of the annotator.

    Args:
        cache: the samples with their classes.
        images: how many, or which.

    Raises:
        ConfigError: there are fewer photos, or none of such a name.

    Source: castro2019, section 8.4, step 1, "overfit a complex example".
    """
    if isinstance(images, int):
        chosen = _most_classes(cache, images)
    else:
        chosen = list(dict.fromkeys(map(str, images)))
        missing = [name for name in chosen if name not in cache.index_of]
        if missing:
            raise ConfigError(
                [
                    f"split.images: there is no photo {abbreviate(missing)}; names of this dataset "
                    f"are like {abbreviate(cache.names)}"
                ]
            )
    return Split(chosen, chosen, chosen, division=_hash(chosen), deviation=0.0)


def _most_classes(cache: "Cache", images: int) -> list[str]:
    if images > len(cache.names):
        raise ConfigError([f"split.images={images}: there are only {len(cache.names)} photos"])
    sizes = np.where(cache.presence, cache.pixels, cache.pixels.max() + 1).min(1)
    order = np.lexsort((-sizes, -cache.presence.sum(1)))
    return [cache.names[index] for index in order[:images]]


def subset(cache: "Cache", *, images: Annotated[int, Field(ge=2)], seed: Seed) -> Split:
    """Two small parts with about the class shares of the whole: one is trained on, one scored.

    Args:
        cache: the samples with their classes, sources and hashes.
        images: in each part, about.
        seed: seed of the choice.

    Raises:
        ConfigError: there are not so many different photos.

    Source: castro2019, section 8.4, step 2, "overfit a subset with high variety".
    """
    groups = near_duplicate_groups(cache.hashes)
    count = int(groups.max()) + 1
    if 2 * images >= count:
        raise ConfigError(
            [
                f"split.images={images}: two parts of {images} images need more than "
                f"{2 * images} different ones, and there are {count}"
            ]
        )
    presence = of_groups(strata(cache), groups)
    both = carve(presence, 2 * images / count, seed)
    places = np.flatnonzero(both)
    scored = np.zeros_like(both)
    scored[places[carve(presence[places], 0.5, seed)]] = True
    part = (both.astype(int) + scored)[groups]  # 0 left out, 1 trained on, 2 scored
    names = np.array(cache.names)
    train, held = names[part == 1].tolist(), names[part == 2].tolist()
    return Split(
        train=train,
        validation=held,
        test=held,
        division=_hash([train, held]),
        deviation=share_deviation(cache.presence, part),
    )


def _hash(content: object) -> str:
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=8).hexdigest()
