"""Several looks at one photo, averaged: mirrored, at other scales, by several networks."""

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clothseg.error import ConfigError


class AveragedViews(nn.Module):
    """Networks that see every photo several times.

    What is said about a mirror image is mirrored back, and classes that trade places in a mirror
    are flip_table. Probabilities are averaged and not logits: logits mean nothing but for their
    differences, and those of a view that is sure by mistake are without bound, so that it would
    outvote the others.

    Args:
        networks: each gives ``logits`` [B,C,H,W].
        flip_table: class id of every class id in a mirror uint8 [256], see
            :attr:`clothseg.labels.LabelSpace.flip_table`; None looks at no mirror image.
        scales: sizes at which photos are seen, in units of their own.
    """

    flip_table: Tensor
    output_weights: ClassVar[dict[str, float]] = {}

    def __init__(
        self,
        networks: Sequence[nn.Module],
        flip_table: np.ndarray | None = None,
        scales: Sequence[float] = (1.0,),
    ) -> None:
        super().__init__()
        self.networks, self.scales = nn.ModuleList(networks), list(scales)
        self.sides = (False,) if flip_table is None else (False, True)
        table = np.arange(256) if flip_table is None else flip_table
        self.register_buffer("flip_table", torch.from_numpy(table.astype(np.int64)), False)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Logarithm of the mean probabilities [B,C,H,W] of photos [B,3,H,W], as ``logits``."""
        total = None
        for network in self.networks:
            for scale in self.scales:
                scaled = _resized(image, [round(scale * side) for side in image.shape[-2:]])
                for mirrored in self.sides:
                    logits = self._look(network, scaled, mirrored)
                    view = F.log_softmax(_resized(logits, image.shape[-2:]), 1)
                    total = view if total is None else torch.logaddexp(total, view)
        assert total is not None
        number = len(self.networks) * len(self.scales) * len(self.sides)
        return {"logits": total - math.log(number)}

    def _look(self, network: nn.Module, image: Tensor, mirrored: bool) -> Tensor:
        if not mirrored:
            return network(image)["logits"]
        logits = network(image.flip(-1))["logits"].flip(-1)
        return logits[:, self.flip_table[: logits.shape[1]]]


def require_scales(scales: Sequence[float], image_size: int, stride: int) -> None:
    """Refuse sizes that a network could see with padding only.

    Args:
        scales: sizes in units of the photo's own.
        image_size: height and width that the network was trained with, pixels.
        stride: of the network, pixels.

    Raises:
        ConfigError: names the scales that fit.
    """
    wrong = [scale for scale in scales if scale != 1 and round(scale * image_size) % stride]
    if wrong:
        steps = range(max(1, image_size // stride // 2), 2 * image_size // stride + 1)
        fitting = ", ".join(f"{step * stride / image_size:.6g}" for step in steps)
        raise ConfigError(
            [
                f"scales: {', '.join(f'{scale:g}' for scale in wrong)} of {image_size} px is no "
                f"multiple of the network's stride, {stride} px; allowed are {fitting}"
            ]
        )


def _resized(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Maps [B,C,H,W] at another size, bilinear; smoothed where they shrink."""
    if tuple(size) == tuple(maps.shape[-2:]):
        return maps
    shrinks = size[0] < maps.shape[-2]
    # There is no smoothing of half precision on the CPU.
    return F.interpolate(maps.float(), tuple(size), mode="bilinear", antialias=shrinks)
