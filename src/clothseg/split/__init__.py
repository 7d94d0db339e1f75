"""Splits into training, validation and test part that keep near-duplicate images together.

Every function is called with the :class:`clothseg.cache.Census` of the dataset and the keys of its
configuration as keyword arguments, and returns a :class:`Split`. Slow libraries for stratification
and grouping are imported only where they are used.
"""

from clothseg.split.constrained import constrained
from clothseg.split.division import (
    Split,
    class_frequency_difference,
    ignored_parts,
    missing_classes,
)
from clothseg.split.fitting import fit_to_budget, fit_to_dataset
from clothseg.split.official import official
from clothseg.split.small import overfit, subset
from clothseg.split.stratified import holdout, kfold

__all__ = [
    "Split",
    "class_frequency_difference",
    "constrained",
    "fit_to_budget",
    "fit_to_dataset",
    "holdout",
    "ignored_parts",
    "kfold",
    "missing_classes",
    "official",
    "overfit",
    "subset",
]
