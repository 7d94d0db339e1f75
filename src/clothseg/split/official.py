"""Official split of a dataset's release."""

from typing import TYPE_CHECKING

import numpy as np

from clothseg.error import ConfigError
from clothseg.split.division import Seed, Split, Validation, build_split
from clothseg.split.grouping import image_groups

if TYPE_CHECKING:
    from clothseg.cache import Census

TRAIN, TEST, UNUSED = 0, 1, 2
"""Numbers of the parts."""


def official(
    census: "Census", *, validation: Validation, seed: Seed, group_near_duplicates: bool = True
) -> Split:
    """Training and test part as in the dataset's release.

    The test part is the release's `test` part, or its `validation` part if the test labels are not
    public. If `test` is labeled, the release's `validation` part is not used.

    Args:
        census: the samples with their parts, classes and hashes.
        validation: fraction of the release's `train` part held out for validation, or `test` for
            the protocol of the papers, which selects the epoch on the test part.
        seed: random seed of the validation part.
        group_near_duplicates: True to keep near-duplicates together.

    Raises:
        ConfigError: the release has no parts, or lacks a required one.
    """
    released = np.array([sample.part for sample in census.samples])
    problem = _find_problem(released, census.names)
    if problem:
        raise ConfigError([f"split=official: {problem}; use kfold, holdout or constrained instead"])
    tested = released == ("test" if "test" in released else "validation")
    trained = released == "train"
    part = np.select([trained, tested], [TRAIN, TEST], UNUSED)
    groups, size = image_groups(census, group_near_duplicates), int(tested.sum())
    return build_split(census, groups, part, tested, trained, validation, seed, size)


def _find_problem(parts: np.ndarray, images: list[str]) -> str | None:
    """Explain why the parts of a release cannot be used; None if they can."""
    found = sorted(set(parts.tolist()) - {""})
    if not found:
        return "the dataset's release is not split into parts"
    if "" in parts:
        first = images[int(np.argmax(parts == ""))]
        return f"{np.count_nonzero(parts == '')} images are in no part of a release, e.g. {first}"
    if "train" not in found or len(found) < 2:
        return (
            f"the labeled images of the dataset's release are all in {', '.join(found)}; train and "
            "either test or validation are required"
        )
    return None
