"""Network for semantic segmentation with its loss, normalization and postprocessing."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MeanMetric

from clothseg.loss.pixelwise import PixelLoss
from clothseg.metric.segmentation import Scores, SegmentationScores
from clothseg.model.network import Network
from clothseg.postprocess import Postprocess

NORMALIZATIONS = {
    "unit": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""Mean and standard deviation per RGB channel, for images in [0, 1]."""

Batch = dict[str, Any]


class EvaluationMetrics(nn.Module):
    """Metrics and loss of one part of a split.

    Args:
        classes: number of classes C.
        costly: keys of the costly scores to compute as well.
    """

    def __init__(self, classes: int, costly: Collection[str]) -> None:
        super().__init__()
        self.scores = SegmentationScores(classes, costly)
        self.loss = MeanMetric()

    def result(self) -> tuple[Scores, float]:
        """Return the scores and the mean loss over all valid pixels, and reset the metrics."""
        scores, loss = self.scores.compute(), float(self.loss.compute())
        self.scores.reset()
        self.loss.reset()
        return scores, loss


class Segmenter(nn.Module):
    """Network that segments and scores images.

    Args:
        network: returns ``logits`` [B,C,H,W].
        loss: the terms to minimize, see :mod:`clothseg.loss`.
        names: class names in id order [C].
        normalization: `unit` or `imagenet`.
        postprocess: converts logits to classes, see :mod:`clothseg.postprocess`.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        network: Network,
        loss: PixelLoss,
        names: Sequence[str],
        normalization: str,
        postprocess: Postprocess,
    ) -> None:
        super().__init__()
        self.network, self.loss = network, loss
        self.names, self.postprocess = list(names), postprocess
        mean, std = torch.tensor(NORMALIZATIONS[normalization])
        # Images arrive as 0..255; one multiplication and one addition normalize them.
        self.register_buffer("scale", 1 / (255 * std).view(3, 1, 1), persistent=False)
        self.register_buffer("shift", -(mean / std).view(3, 1, 1), persistent=False)

    def normalized(self, images: Tensor) -> Tensor:
        """Convert images uint8 [B,H,W,3] to the network's normalized input float32 [B,3,H,W]."""
        return images.permute(0, 3, 1, 2).float() * self.scale + self.shift

    def prepared(self, batch: Batch) -> Batch:
        """Convert on the device: images to normalized float [B,3,H,W], masks to int64."""
        return batch | {"image": self.normalized(batch["image"]), "mask": batch["mask"].long()}

    @torch.inference_mode()
    def predict(self, images: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
        """Predict class ids uint8 [B,H,W] for RGB images uint8 [B,h,w,3]; sets evaluation mode.

        Args:
            images: images at the input size of the network.
            size: height and width of the result in pixels; None for the size of the images.
        """
        self.eval()
        pixels = torch.from_numpy(images).to(self.scale.device)
        logits = self.network(self.normalized(pixels))["logits"]
        return self.postprocess(logits, size).to(torch.uint8).cpu().numpy()

    def score(self, metrics: EvaluationMetrics, batch: Batch) -> None:
        """Add the loss and the scores of a prepared batch to metrics."""
        logits, mask = self.network(batch["image"])["logits"], batch["mask"]
        target, pixels = mask, batch["pixels"]
        if mask.shape[-2:] != logits.shape[-2:]:  # the loss uses the size of the logits
            target = resize_mask(mask, logits.shape[-2:])
            pixels = torch.bincount(target.flatten(), minlength=256)
        terms = self.loss({"logits": logits}, {"mask": target, "pixels": pixels})
        loss = torch.stack(list(terms.values())).sum()
        metrics.loss.update(loss, self.loss.mass(pixels))
        metrics.scores.update(self.postprocess(logits, mask.shape[-2:]), mask, batch["index"])


def resize_mask(mask: Tensor, size: Sequence[int]) -> Tensor:
    """Resize class ids int64 [B,H,W] to another height and width by nearest neighbor."""
    return F.interpolate(mask.unsqueeze(1).float(), tuple(size)).squeeze(1).long()
