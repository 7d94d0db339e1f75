"""The division that a dataset's own release makes."""

from typing import TYPE_CHECKING

import numpy as np

from clothseg.dataset.near_duplicates import near_duplicate_groups
from clothseg.error import ConfigError
from clothseg.split.division import Seed, Split, Validation, divided

if TYPE_CHECKING:
    from clothseg.cache import Cache

TRAIN, TEST, UNUSED = 0, 1, 2
"""Numbers of the parts of the division."""


def official(cache: "Cache", *, validation: Validation, seed: Seed) -> Split:
    """Training and test part as the dataset was released.

    Tested is the release's `test` part; where its labels are not public, its `validation` part.
    Beside a labelled `test` part, the release's `validation` part is not used.

    Args:
        cache: the samples with their parts, classes and hashes.
        validation: share of the release's `train` part that is carved off, look-alikes together, or
            `test` for the papers' own protocol, which chooses the epoch on the tested part.
        seed: seed of the carving.

    Raises:
        ConfigError: the release has no parts, or lacks one that is needed.
    """
    names = np.array([sample.part for sample in cache.samples])
    problem = _problem(names, cache.names)
    if problem:
        raise ConfigError([f"split=official: {problem}; kfold, holdout and constrained divide it"])
    tested = names == ("test" if "test" in names else "validation")
    trained = names == "train"
    part = np.select([trained, tested], [TRAIN, TEST], UNUSED)
    groups = near_duplicate_groups(cache.hashes)
    return divided(cache, groups, part, tested, trained, validation, seed)


def _problem(parts: np.ndarray, photos: list[str]) -> str | None:
    """What keeps a release's parts from being used."""
    found = sorted(set(parts.tolist()) - {""})
    if not found:
        return "the dataset's release is not divided into parts"
    if "" in parts:
        first = photos[int(np.argmax(parts == ""))]
        return f"{np.count_nonzero(parts == '')} photos are in no part of a release, first {first}"
    if "train" not in found or len(found) < 2:
        return (
            f"the labelled photos of the dataset's release are all in {', '.join(found)}; needed "
            "are train, and test or validation"
        )
    return None
