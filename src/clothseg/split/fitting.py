"""Splits that fit a dataset or a budget smaller than the numbers in their configuration."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clothseg.split.constrained import limited, relaxed
from clothseg.split.division import Split, limit_split
from clothseg.split.grouping import image_groups
from clothseg.split.small import overfit, subset

if TYPE_CHECKING:
    from clothseg.cache import Census


def fit_to_dataset(node: Mapping[str, Any], census: "Census") -> Split | None:
    """Compute a split with as many images and instances as a dataset has.

    The numbers of an experiment are those of its own dataset. A budget also has to run on a few
    images, such as rendered ones or the first of a download.

    Args:
        node: configuration of the split, which has raised a ConfigError.
        census: the samples.

    Returns:
        The split; None if it has no numbers of its own, or the dataset is too small nevertheless.
    """
    arguments = {key: value for key, value in node.items() if key != "_target_"}
    match node["_target_"], arguments:
        case "clothseg.split.overfit", {"images": int()}:
            return overfit(census, images=len(census.names))
        case "clothseg.split.subset", _:
            groups = image_groups(census, arguments.get("group_near_duplicates", True))
            images = int(groups.max()) // 2  # fewer than half of the distinct images
            return subset(census, **arguments | {"images": images}) if images >= 2 else None
        case "clothseg.split.constrained", _:
            return relaxed(census, **arguments)
    return None


def fit_to_budget(node: Mapping[str, Any], split: Split, census: "Census", images: int) -> Split:
    """Reduce a split to a number of training images, and its other parts by the same factor.

    What a split promises about its parts still holds, in proportion.

    Args:
        node: configuration of the split.
        split: the full split.
        census: the samples.
        images: largest number of training images.
    """
    seed = node.get("seed", 0)
    reduced = limit_split(split, census, images, seed)
    if node["_target_"] != "clothseg.split.constrained" or len(reduced.test) == len(split.test):
        return reduced
    grouped = node.get("group_near_duplicates", True)
    return limited(reduced, split, census, node["min_instances"], seed, grouped)
