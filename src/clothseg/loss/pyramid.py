"""Losses of outputs at several scales: the image and the segmentation of dang2020."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from clothseg.labels import IGNORE
from clothseg.loss.pixelwise import EPSILON, PixelLoss, full_precision


class PyramidLoss(PixelLoss, ABC):
    """Base class of means over the scales of a pyramid, at each of which a network has an output.

    Such outputs may exist in training only.
    """

    term: ClassVar[str]
    """Name of the term."""
    outputs: ClassVar[tuple[str, ...]]
    """Names of the outputs of levels 1, 2, ...; the higher, the coarser."""

    @abstractmethod
    def levels(self, logits: Sequence[Tensor], batch: Mapping[str, Any]) -> list[Tensor]:
        """Return the loss of each level, from the outputs of the levels, at least in float32."""

    def forward(self, output: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the mean over the levels as the only term; no term if their outputs are absent."""
        if self.outputs[0] not in output:
            return {}
        logits = [full_precision(output[name]) for name in self.outputs]
        return {self.term: torch.stack(self.levels(logits, batch)).mean()}


class ImagePyramid(PyramidLoss):
    r"""Mean over four scales of the binary cross-entropy between an image and its reconstruction.

    .. math:: IPL = \frac{1}{4} \sum_{i=1}^4 H(x_i, b_i)

    The image x_i consists of the means of blocks of 2^i x 2^i pixels, in [0, 1]. Ignored pixels
    count as well, because labels are not involved.

    Source: dang2020, Eq. 4 and 5.
    """

    term = "image_pyramid"
    outputs = ("image_1", "image_2", "image_3", "image_4")

    def levels(self, logits: Sequence[Tensor], batch: Mapping[str, Any]) -> list[Tensor]:
        """Return the loss of each level.

        Shape:
            Logits of level i float [B,3,H/2^i,W/2^i]; ``batch["photo"]`` uint8 [B,H,W,3], the input
            of the network before normalization.
        """
        # In 0..255, float32 has all digits of the means of up to 2^16 pixels.
        photo = batch["photo"].permute(0, 3, 1, 2).float()
        losses = []
        for reconstruction in logits:
            photo = F.avg_pool2d(photo, 2)
            target = photo.to(reconstruction.dtype) / 255
            losses.append(F.binary_cross_entropy_with_logits(reconstruction, target))
        return losses


class SegmentationPyramid(PyramidLoss):
    r"""Mean over four scales of the cross-entropy between a mask and its prediction.

    .. math:: SPL = \frac{1}{4} \sum_{i=1}^4 H(t_i, l_i)

    The mask t_i consists of every 2^i-th row and column.

    Args:
        entropy: `bce`, binary cross-entropy of the softmax probabilities, mean over valid pixels
            and classes; or `ce`, cross-entropy, mean over valid pixels.

    Source: dang2020, Eq. 6, whose H is binary cross-entropy; the text says cross-entropy.
    """

    term = "segmentation_pyramid"
    outputs = ("logits_1", "logits_2", "logits_3", "logits_4")

    def __init__(self, entropy: Literal["bce", "ce"]) -> None:
        super().__init__()
        self.entropy = entropy

    def counts(self, mask: Tensor) -> dict[str, Tensor]:
        """Count the valid pixels of each level."""
        return {
            f"pixels_{level}": (_subsampled(mask, level) != IGNORE).sum()
            for level in range(1, len(self.outputs) + 1)
        }

    def levels(self, logits: Sequence[Tensor], batch: Mapping[str, Any]) -> list[Tensor]:
        """Return the loss of each level.

        Shape:
            Logits of level i float [B,K,H/2^i,W/2^i]; ``batch["mask"]`` int64 [B,H,W];
            ``batch["counts"]`` of :meth:`counts`.
        """
        losses = []
        for level, prediction in enumerate(logits, 1):
            target, elements = _subsampled(batch["mask"], level), batch["counts"][f"pixels_{level}"]
            if self.entropy == "bce":
                total = softmax_binary_cross_entropy(prediction, target)
                elements = elements * prediction.shape[1]
            else:
                total = F.cross_entropy(prediction, target, ignore_index=IGNORE, reduction="sum")
            losses.append(total / elements.clamp(min=EPSILON))
        return losses


def softmax_binary_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    r"""Sum over valid pixels of :math:`-\log p_t - \sum_{j \ne t} \log(1 - p_j)`, p the softmax.

    Args:
        logits: float [B,K,H,W], at least two classes.
        target: class ids int64 [B,H,W], 255 at ignored pixels.
    """
    log_p = logits.log_softmax(1)
    target, valid = target.unsqueeze(1), (target != IGNORE).unsqueeze(1)  # [B,1,H,W]
    target = target.clamp(max=logits.shape[1] - 1)
    # 1 - p loses its digits if p is close to 1, which at most one class can be. There, 1 - p is the
    # sum of the other probabilities, in logarithms because these may underflow.
    dominant = log_p > math.log(0.6)
    others = log_p.masked_fill(dominant, -math.inf)
    log_not = torch.log1p(-others.exp())  # 0 for a dominant class
    dominant_is_wrong = dominant.any(1, keepdim=True) & ~dominant.gather(1, target)
    log_not_dominant = others.logsumexp(1, keepdim=True).where(dominant_is_wrong, 0)
    log_likelihood = log_p.gather(1, target) - log_not.gather(1, target)
    log_likelihood = log_likelihood + log_not.sum(1, keepdim=True) + log_not_dominant
    return -(log_likelihood * valid).sum()


def _subsampled(mask: Tensor, level: int) -> Tensor:
    """Every 2^level-th row and column of masks [B,H,W], which is nearest-neighbor sampling."""
    return mask[:, :: 2**level, :: 2**level]
