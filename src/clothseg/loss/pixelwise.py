"""Losses that are a sum over pixels."""

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from clothseg.labels import IGNORE


class CrossEntropy(nn.Module):
    r"""Mean over valid pixels of :math:`-\log p_t`, p the softmax and t the true class."""

    def forward(self, output: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """The term ``cross_entropy``, a scalar.

        Shape:
            ``output["logits"]`` float [B,C,H,W], ``batch["mask"]`` int64 [B,H,W], and
            ``batch["pixels"]`` a number.
        """
        # Half precision loses the small probabilities that the logarithm needs.
        logits, mask = output["logits"].float(), batch["mask"]
        total = F.cross_entropy(logits, mask, ignore_index=IGNORE, reduction="sum")
        return {"cross_entropy": total / batch["pixels"]}
