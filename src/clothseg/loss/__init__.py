"""Losses, each called as ``loss(output, batch) -> dict`` whose terms sum to what is minimised.

``output`` is what a network returns (``logits`` float [B,C,H,W]); ``batch`` holds ``mask`` int64
[B,H,W] of class ids and ``pixels``, the number of pixels of each value of the mask, [256], that a
mean divides by. Pixels of value 255 are left out, and a batch without any other gives 0 with a live
gradient. When several processes, or several parts of a batch one after the other, make up one
training step, ``pixels`` is their average: the average of their losses is then the mean over all
pixels of the step, wherever those are. Losses of regions add up their sums over all processes, but
not over parts.

A loss is a :class:`clothseg.loss.pixelwise.PixelLoss`, whose ``mass`` says what its mean divides
by. A function of this module makes one from how often the classes occur in the training part, its
only positional argument, which weights of classes need.
"""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from clothseg.loss.class_weights import ClassPixels, ClassWeights, Limit, class_weights

if TYPE_CHECKING:
    from torch import Tensor

    from clothseg.loss.combined import Sum
    from clothseg.loss.pixelwise import CrossEntropy, Focal
    from clothseg.loss.region import Dice, GeneralizedDice

Gamma = Annotated[float, Field(ge=0)]
Smooth = Annotated[float, Field(ge=0)]


def cross_entropy(pixels: ClassPixels | None) -> "CrossEntropy":
    """Cross-entropy, mean over the pixels that count; all classes alike."""
    from clothseg.loss.pixelwise import CrossEntropy

    return CrossEntropy()


def weighted_cross_entropy(
    pixels: ClassPixels | None,
    *,
    weights: ClassWeights,
    max_weight: Limit,
    mean: Literal["weighted", "pixels"],
) -> "CrossEntropy":
    """Cross-entropy in which the classes have weights.

    Args:
        pixels: how often the classes occur in the training part.
        weights: a formula of :func:`clothseg.loss.class_weights.raw_weights`, or a list.
        max_weight: largest weight of a formula; None is no limit.
        mean: divide by the sum of the pixels' weights, or by their number.

    Source: castro2019, section 8.1.
    """
    from clothseg.loss.pixelwise import CrossEntropy

    return CrossEntropy(_tensor(pixels, weights, max_weight), weighted_mean=mean == "weighted")


def focal(
    pixels: ClassPixels | None, *, gamma: Gamma, weights: ClassWeights | None, max_weight: Limit
) -> "Focal":
    """Focal loss of the softmax.

    Args:
        pixels: how often the classes occur in the training part.
        gamma: how much pixels that are right already count less; 0 is cross-entropy.
        weights: a formula or a list as of :func:`weighted_cross_entropy`; None counts all alike.
        max_weight: largest weight of a formula; None is no limit.

    Source: Lin et al., Focal loss for dense object detection, 2017; castro2019, section 8.1.
    """
    from clothseg.loss.pixelwise import Focal

    return Focal(gamma, None if weights is None else _tensor(pixels, weights, max_weight))


def dice(pixels: ClassPixels | None, *, smooth: Smooth, squared: bool) -> "Dice":
    """Dice loss, mean over the classes of the batch.

    Args:
        pixels: not needed.
        smooth: pixels that are added to numerator and denominator.
        squared: square the probabilities in the denominator, as V-Net does.

    Source: Milletari, Navab and Ahmadi, V-Net, 2016.
    """
    from clothseg.loss.region import Dice

    return Dice(smooth, squared)


def generalized_dice(
    pixels: ClassPixels | None,
    *,
    weight: Literal["square", "simple", "uniform"],
    absent: Literal["max", "zero"],
) -> "GeneralizedDice":
    """Generalized Dice loss, in which a class weighs the less the larger it is.

    Args:
        pixels: not needed: the sizes are those in the batch.
        weight: by the inverse of the squared size, by the inverse of the size, or all alike.
        absent: weight of a class that the batch lacks: the largest of the others, or none.

    Source: Sudre et al., Generalised Dice overlap, 2017; castro2019, section 8.1.
    """
    from clothseg.loss.region import GeneralizedDice

    return GeneralizedDice(weight, absent)


def dice_focal(pixels: ClassPixels | None, *, gamma: Gamma, smooth: Smooth, squared: bool) -> "Sum":
    """Dice and focal loss, added without weights; arguments as of :func:`dice` and :func:`focal`.

    Source: loesch2021, section III.
    """
    from clothseg.loss.combined import Sum
    from clothseg.loss.pixelwise import Focal
    from clothseg.loss.region import Dice

    return Sum([Dice(smooth, squared), Focal(gamma)])


def ce_dice(pixels: ClassPixels | None, *, smooth: Smooth, squared: bool) -> "Sum":
    """Cross-entropy and Dice loss, added without weights; arguments as of :func:`dice`."""
    from clothseg.loss.combined import Sum
    from clothseg.loss.pixelwise import CrossEntropy
    from clothseg.loss.region import Dice

    return Sum([CrossEntropy(), Dice(smooth, squared)])


def _tensor(pixels: ClassPixels | None, weights: ClassWeights, max_weight: Limit) -> "Tensor":
    import torch

    if pixels is None:
        raise ValueError("weights of classes need to know how often those occur")
    return torch.from_numpy(class_weights(pixels, weights, max_weight)).float()


__all__ = [
    "ce_dice",
    "cross_entropy",
    "dice",
    "dice_focal",
    "focal",
    "generalized_dice",
    "weighted_cross_entropy",
]
