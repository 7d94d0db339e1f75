"""Losses, each called as ``loss(output, batch) -> dict``; the sum of the terms is minimized.

``output`` is everything that a network returns: ``logits`` float [B,C,H,W], and by name what its
further heads return, of any size. Heads that are evaluated in training only are missing in
validation, and their terms with them. ``batch`` is the whole batch: ``mask`` int64 [B,H,W] of class
ids, ``image`` float [B,3,H,W] and ``photo`` uint8 [B,H,W,3] (the same before normalization),
``pixels`` [256], the number of pixels of each mask value, which means are normalized by, and
``counts``, further denominators by name.

Pixels of value 255 are ignored; a batch without other pixels gives a loss of 0 that is still
differentiable. If a training step consists of several micro-batches or runs on several processes,
``pixels`` and ``counts`` are averages over them; the average of their losses is then the mean over
all pixels of the step, however they are distributed. Region losses sum over all processes, but not
over micro-batches.

A loss is a :class:`clothseg.loss.pixelwise.PixelLoss`: ``mass`` is the denominator of its mean over
pixels, ``counts`` are those of other means. The functions of this module build one; their only
positional argument is the class frequency in the training part, which class weights depend on. The
loss of human parsing, :func:`hptr`, is a :class:`clothseg.loss.parsing.total.ParsingLoss`; its
output and batch are described there.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from clothseg.loss.class_weights import ClassPixels, ClassWeights, Limit, class_weights

if TYPE_CHECKING:
    from torch import Tensor

    from clothseg.loss.combined import Sum
    from clothseg.loss.guided_training import Guided
    from clothseg.loss.parsing.total import ParsingLoss
    from clothseg.loss.pixelwise import CrossEntropy, Focal
    from clothseg.loss.region import Dice, GeneralizedDice

Gamma = Annotated[float, Field(ge=0)]
Smooth = Annotated[float, Field(ge=0)]
TermWeight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def cross_entropy(pixels: ClassPixels | None) -> "CrossEntropy":
    """Cross-entropy, mean over the valid pixels; all classes have equal weight."""
    from clothseg.loss.pixelwise import CrossEntropy

    return CrossEntropy()


def weighted_cross_entropy(
    pixels: ClassPixels | None,
    *,
    weights: ClassWeights,
    max_weight: Limit,
    mean: Literal["weighted", "pixels"],
) -> "CrossEntropy":
    """Cross-entropy with class weights.

    Args:
        pixels: class frequencies in the training part.
        weights: a formula of :func:`clothseg.loss.class_weights.raw_weights`, or a list.
        max_weight: largest weight of a formula; None for no limit.
        mean: divide by the sum of the pixels' weights, or by their number.

    Source: castro2019, section 8.1.
    """
    from clothseg.loss.pixelwise import CrossEntropy

    return CrossEntropy(_tensor(pixels, weights, max_weight), weighted_mean=mean == "weighted")


def focal(
    pixels: ClassPixels | None, *, gamma: Gamma, weights: ClassWeights | None, max_weight: Limit
) -> "Focal":
    """Softmax focal loss.

    Args:
        pixels: class frequencies in the training part.
        gamma: focusing parameter that down-weights well-classified pixels; 0 is cross-entropy.
        weights: a formula or a list as in :func:`weighted_cross_entropy`; None for equal weights.
        max_weight: largest weight of a formula; None for no limit.

    Source: Lin et al., Focal loss for dense object detection, 2017; castro2019, section 8.1.
    """
    from clothseg.loss.pixelwise import Focal

    return Focal(gamma, None if weights is None else _tensor(pixels, weights, max_weight))


def dice(pixels: ClassPixels | None, *, smooth: Smooth, squared: bool) -> "Dice":
    """Dice loss, mean over the classes present in the batch.

    Args:
        pixels: unused.
        smooth: pixels added to numerator and denominator.
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
    """Generalized Dice loss, in which larger classes have smaller weights.

    Args:
        pixels: unused; class sizes are those in the batch.
        weight: inverse of the squared class size, inverse of the size, or uniform.
        absent: weight of a class absent from the batch: the largest of the others, or zero.

    Source: Sudre et al., Generalised Dice overlap, 2017; castro2019, section 8.1.
    """
    from clothseg.loss.region import GeneralizedDice

    return GeneralizedDice(weight, absent)


def dice_focal(pixels: ClassPixels | None, *, gamma: Gamma, smooth: Smooth, squared: bool) -> "Sum":
    """Unweighted sum of Dice and focal loss; arguments as in :func:`dice` and :func:`focal`.

    Source: loesch2021, section III.
    """
    from clothseg.loss.combined import Sum
    from clothseg.loss.pixelwise import Focal
    from clothseg.loss.region import Dice

    return Sum([Dice(smooth, squared), Focal(gamma)])


def ce_dice(pixels: ClassPixels | None, *, smooth: Smooth, squared: bool) -> "Sum":
    """Unweighted sum of cross-entropy and Dice loss; arguments as in :func:`dice`."""
    from clothseg.loss.combined import Sum
    from clothseg.loss.pixelwise import CrossEntropy
    from clothseg.loss.region import Dice

    return Sum([CrossEntropy(), Dice(smooth, squared)])


def guided(
    pixels: ClassPixels | None,
    *,
    alpha: TermWeight,
    beta: TermWeight,
    gamma: TermWeight,
    segmentation: Literal["bce", "ce"],
) -> "Guided":
    """Weighted mean of cross-entropy and three auxiliary losses for layers at all scales.

    Args:
        pixels: class frequencies in the training part, of which only the number is used.
        alpha: weight of the image at four scales; that of cross-entropy is 1.
        beta: weight of the segmentation at four scales.
        gamma: weight of the presence of classes in windows at six scales (label pooling).
        segmentation: loss of the segmentation at four scales: binary cross-entropy of the softmax
            probabilities, or cross-entropy.

    Source: dang2020, Eq. 4 to 8 and 15.
    """
    from clothseg.labels import IGNORE
    from clothseg.loss.guided_training import Guided

    classes = IGNORE if pixels is None else len(pixels.counts)  # IGNORE exceeds all class ids
    return Guided(classes, alpha, beta, gamma, segmentation)


def hptr(
    *, people_weights: Literal["detr", "unit"], giou: bool, maps: Literal["sigmoid", "softmax"]
) -> "ParsingLoss":
    """Loss of human parsing: of people, their boxes and masks, and of each semantic map.

    Args:
        people_weights: weights of the terms of people: those of DETR, or all 1.
        giou: also penalize the generalized IoU of boxes, which loesch2021 does not list.
        maps: focal and Dice loss of one sigmoid for each class, or of one softmax.

    Source: loesch2021, section 3, which follows DETR and states that no weights are used.
    """
    from clothseg.loss.parsing.people import Weights
    from clothseg.loss.parsing.total import ParsingLoss

    weights = Weights() if people_weights == "detr" else Weights(box=1.0, giou=1.0)
    return ParsingLoss(weights if giou else replace(weights, giou=0.0), maps)


def _tensor(pixels: ClassPixels | None, weights: ClassWeights, max_weight: Limit) -> "Tensor":
    import torch

    if pixels is None:
        raise ValueError("class weights require the class frequencies of the training part")
    return torch.from_numpy(class_weights(pixels, weights, max_weight)).float()


__all__ = [
    "ce_dice",
    "cross_entropy",
    "dice",
    "dice_focal",
    "focal",
    "generalized_dice",
    "guided",
    "weighted_cross_entropy",
]
