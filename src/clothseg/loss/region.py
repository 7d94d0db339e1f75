"""Losses that compare regions: how far the region of each class overlaps with the true one."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
import torch.distributed as distributed
from torch import Tensor
from torch.autograd.function import once_differentiable

from clothseg.labels import IGNORE
from clothseg.loss.pixelwise import LEAST, PixelLoss, full_precision


class RegionLoss(PixelLoss):
    """A function of three sums of each class, over the whole batch and all processes."""

    def sums(
        self, output: Mapping[str, Tensor], batch: Mapping[str, Any], squared: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Overlap, predicted and true size of each class, in pixels, all float [C].

        Args:
            output: has ``logits`` float [B,C,H,W].
            batch: has ``mask`` int64 [B,H,W].
            squared: the predicted size is the sum of squared probabilities.
        """
        logits, mask = full_precision(output["logits"]), batch["mask"]
        classes = logits.shape[1]
        overlap, predicted = _Overlap.apply(logits, mask, squared)
        true = torch.bincount(mask.flatten(), minlength=IGNORE + 1)[:classes].to(logits.dtype)
        together = torch.stack([overlap, predicted, true])
        if self.training and distributed.is_initialized():
            together = _SumOverProcesses.apply(together)
        return together[0], together[1], together[2]


class Dice(RegionLoss):
    r"""One minus the mean of :math:`(2 \sum r p + s) / (\sum r + \sum p + s)` over true classes.

    r is 1 where the class is true, p its softmax probability; sums are over the valid pixels of
    the batch. Classes without a true pixel in the batch are left out of the mean.

    Args:
        smooth: s, pixels.
        squared: take :math:`\sum p^2` in the denominator.

    Source: Milletari, Navab and Ahmadi, V-Net, 2016 (squared), as in loesch2021.
    """

    def __init__(self, smooth: float, squared: bool) -> None:
        super().__init__()
        self.smooth, self.squared = smooth, squared

    def forward(self, output: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """The term ``dice``; shapes as of :class:`clothseg.loss.pixelwise.CrossEntropy`."""
        overlap, predicted, true = self.sums(output, batch, self.squared)
        present = true > 0
        score = (2 * overlap + self.smooth) / (true + predicted + self.smooth).clamp(min=LEAST)
        mean = (score * present).sum() / present.sum().clamp(min=1)
        return {"dice": (1 - mean) * present.any()}


class GeneralizedDice(RegionLoss):
    r"""One minus :math:`2 \sum_c w_c \sum r p / \sum_c w_c \sum (r + p)`.

    Args:
        weight: of a class of n true pixels: `square` 1/n², `simple` 1/n, `uniform` 1.
        absent: weight of a class without a true pixel: `max` the largest of the others, `zero` 0.

    Source: Sudre et al., Generalised Dice overlap, 2017; castro2019, section 8.1, whose formula
        stops at two classes.
    """

    def __init__(
        self, weight: Literal["square", "simple", "uniform"], absent: Literal["max", "zero"]
    ) -> None:
        super().__init__()
        self.power = {"square": 2, "simple": 1, "uniform": 0}[weight]
        self.absent = absent

    def forward(self, output: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """The term ``generalized_dice``; shapes as of ``CrossEntropy``."""
        overlap, predicted, true = self.sums(output, batch)
        present = true > 0
        weight = torch.where(present, true.clamp(min=1) ** -self.power, 0)
        weight = weight / weight.max().clamp(min=LEAST**2)  # the ratio is the same, the range safe
        if self.absent == "max":
            weight = torch.where(present, weight, 1)
        both = (weight * (true + predicted)).sum().clamp(min=LEAST)
        return {"generalized_dice": (1 - 2 * (weight * overlap).sum() / both) * present.any()}


class _Overlap(torch.autograd.Function):
    """Sums over valid pixels of softmax probabilities, without copies of them.

    By hand, forward and backward hold two arrays of the logits' size; operations on tensors would
    keep one for every step.
    """

    @staticmethod
    def forward(context: Any, logits: Tensor, mask: Tensor, squared: bool) -> tuple[Tensor, Tensor]:
        classes = logits.shape[1]
        valid = (mask != IGNORE).unsqueeze(1)  # [B,1,H,W]
        target = mask.unsqueeze(1).clamp(max=classes - 1)  # of ignored pixels nothing is used
        probability = logits.softmax(1).mul_(valid)
        at_target = probability.gather(1, target)  # [B,1,H,W]
        # Millions of pixels that are added one by one are too many for single precision.
        sums = at_target.new_zeros(classes, dtype=torch.float64)
        sums.index_add_(0, target.flatten(), at_target.flatten().double())
        overlap = sums.to(logits.dtype)
        predicted = (probability**2 if squared else probability).sum((0, 2, 3))
        context.save_for_backward(probability, target)
        context.squared = squared
        return overlap, predicted

    @staticmethod
    @once_differentiable
    def backward(
        context: Any, of_overlap: Tensor, of_predicted: Tensor
    ) -> tuple[Tensor, None, None]:
        probability, target = context.saved_tensors
        # Softmax: p (g - sum of p g), where g is the gradient of the probabilities.
        weighted = probability * of_predicted.view(1, -1, 1, 1)
        if context.squared:
            weighted.mul_(probability).mul_(2)
        at_target = probability.gather(1, target) * of_overlap[target]
        weighted.scatter_add_(1, target, at_target)
        total = weighted.sum(1, keepdim=True)
        return weighted.addcmul_(probability, total, value=-1), None, None


class _SumOverProcesses(torch.autograd.Function):
    """Sum of what all processes have; every one of them depends on the sum."""

    @staticmethod
    def forward(context: Any, mine: Tensor) -> Tensor:
        together = mine.clone()
        distributed.all_reduce(together)
        return together

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> Tensor:
        together = gradient.clone()
        distributed.all_reduce(together)
        return together
