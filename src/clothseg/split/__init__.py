"""Training, validation and test parts, with look-alike photos kept together.

Every way of dividing gives a :class:`Split`. Libraries that divide and group are imported where
they are used, because they take seconds.
"""

from clothseg.split.constrained import constrained
from clothseg.split.division import Split, limited, missing_classes, share_deviation
from clothseg.split.official import official
from clothseg.split.small import overfit, subset
from clothseg.split.stratified import holdout, kfold

__all__ = [
    "Split",
    "constrained",
    "holdout",
    "kfold",
    "limited",
    "missing_classes",
    "official",
    "overfit",
    "share_deviation",
    "subset",
]
