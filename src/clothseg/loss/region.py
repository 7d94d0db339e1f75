"""Region losses: overlap between the predicted and the ground-truth region of each class."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
import torch.distributed as distributed
from torch import Tensor
from torch.autograd.function import once_differentiable

from clothseg.labels import IGNORE
from clothseg.loss.pixelwise import EPSILON, PixelLoss, full_precision


class RegionLoss(PixelLoss):
    """Base class of losses computed from three sums per class over the batch of all processes."""

    def sums(
        self, output: Mapping[str, Tensor], batch: Mapping[str, Any], squared: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute overlap, predicted size and true size of each class in pixels, all float [C].

        Args:
            output: has ``logits`` float [B,C,H,W].
            batch: has ``mask`` int64 [B,H,W].
            squared: the predicted size is the sum of squared probabilities.
        """
        logits, mask = full_precision(output["logits"]), batch["mask"]
        classes = logits.shape[1]
        overlap, predicted = _Overlap.apply(logits, mask, squared)
        true = torch.bincount(mask.flatten(), minlength=IGNORE + 1)[:classes].to(logits.dtype)
        sums = torch.stack([overlap, predicted, true])
        if self.training and distributed.is_initialized():
            sums = _SumOverProcesses.apply(sums)
        return sums[0], sums[1], sums[2]


class Dice(RegionLoss):
    r"""One minus the mean of :math:`(2 \sum r p + s) / (\sum r + \sum p + s)` over true classes.

    r is 1 where the class is true, p its softmax probability; sums are over the valid pixels of
    the batch. Classes without a true pixel in the batch are excluded from the mean.

    Args:
        smooth: s, pixels.
        squared: use :math:`\sum p^2` in the denominator.

    Source: Milletari, Navab and Ahmadi, V-Net, 2016 (squared), as in loesch2021.
    """

    def __init__(self, smooth: float, squared: bool) -> None:
        super().__init__()
        self.smooth, self.squared = smooth, squared

    def forward(self, output: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the term ``dice``; shapes as in :class:`clothseg.loss.pixelwise.CrossEntropy`."""
        overlap, predicted, true = self.sums(output, batch, self.squared)
        present = true > 0
        score = (2 * overlap + self.smooth) / (true + predicted + self.smooth).clamp(min=EPSILON)
        mean = (score * present).sum() / present.sum().clamp(min=1)
        return {"dice": (1 - mean) * present.any()}


class GeneralizedDice(RegionLoss):
    r"""One minus :math:`2 \sum_c w_c \sum r p / \sum_c w_c \sum (r + p)`.

    Args:
        weight: weight of a class with n true pixels: `square` 1/n², `simple` 1/n, `uniform` 1.
        absent: weight of a class without a true pixel: `max` the largest of the others, `zero` 0.

    Source: Sudre et al., Generalised Dice overlap, 2017; castro2019, section 8.1, whose formula
        covers only two classes.
    """

    def __init__(
        self, weight: Literal["square", "simple", "uniform"], absent: Literal["max", "zero"]
    ) -> None:
        super().__init__()
        self.power = {"square": 2, "simple": 1, "uniform": 0}[weight]
        self.absent = absent

    def forward(self, output: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the term ``generalized_dice``; shapes as in ``CrossEntropy``."""
        overlap, predicted, true = self.sums(output, batch)
        present = true > 0
        weight = torch.where(present, true.clamp(min=1) ** -self.power, 0)
        # Rescaling leaves the ratio unchanged and avoids underflow.
        weight = weight / weight.max().clamp(min=EPSILON**2)
        if self.absent == "max":
            weight = torch.where(present, weight, 1)
        sizes = (weight * (true + predicted)).sum().clamp(min=EPSILON)
        return {"generalized_dice": (1 - 2 * (weight * overlap).sum() / sizes) * present.any()}


class _Overlap(torch.autograd.Function):
    """Memory-saving sums of softmax probabilities over valid pixels.

    This hand-written function keeps two arrays of the size of the logits; autograd would store one
    per operation.
    """

    @staticmethod
    def forward(context: Any, logits: Tensor, mask: Tensor, squared: bool) -> tuple[Tensor, Tensor]:
        classes = logits.shape[1]
        valid = (mask != IGNORE).unsqueeze(1)  # [B,1,H,W]
        target = mask.unsqueeze(1).clamp(max=classes - 1)  # ignored pixels have probability 0
        probability = logits.softmax(1).mul_(valid)
        at_target = probability.gather(1, target)  # [B,1,H,W]
        # Sequentially adding millions of pixels is too inaccurate in single precision.
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
        context: Any, grad_overlap: Tensor, grad_predicted: Tensor
    ) -> tuple[Tensor, None, None]:
        probability, target = context.saved_tensors
        # Gradient of softmax: p (g - sum of p g), where g is the gradient of the probabilities.
        weighted = probability * grad_predicted.view(1, -1, 1, 1)
        if context.squared:
            weighted.mul_(probability).mul_(2)
        at_target = probability.gather(1, target) * grad_overlap[target]
        weighted.scatter_add_(1, target, at_target)
        total = weighted.sum(1, keepdim=True)
        return weighted.addcmul_(probability, total, value=-1), None, None


class _SumOverProcesses(torch.autograd.Function):
    """Differentiable all-reduce: the sum over all processes, on which each of them depends."""

    @staticmethod
    def forward(context: Any, local: Tensor) -> Tensor:
        total = local.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        distributed.all_reduce(total)
        return total
