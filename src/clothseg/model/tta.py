"""Test-time augmentation and ensembling: average over flips, scales and networks."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clothseg.error import ConfigError
from clothseg.model.sizes import ANY, Sizes


class AveragedPredictions(nn.Module):
    """Networks whose predictions are averaged over flips and scales of every image.

    Predictions for a flipped image are flipped back, and left/right classes are swapped with
    `flip_table`. Probabilities are averaged, not logits: logits are unbounded and only their
    differences matter, so a single overconfident prediction could outvote all others.

    Args:
        networks: each returns ``logits`` [B,C,H,W].
        flip_table: class id after a horizontal flip for every class id, uint8 [256], see
            :attr:`clothseg.labels.LabelSpace.flip_table`; None disables flipping.
        scales: scale factors relative to the image size.
    """

    flip_table: Tensor

    def __init__(
        self,
        networks: Sequence[nn.Module],
        flip_table: np.ndarray | None = None,
        scales: Sequence[float] = (1.0,),
    ) -> None:
        super().__init__()
        self.networks, self.scales = nn.ModuleList(networks), list(scales)
        self.flips = (False,) if flip_table is None else (False, True)
        table = np.arange(256) if flip_table is None else flip_table
        self.register_buffer("flip_table", torch.from_numpy(table.astype(np.int64)), False)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return the log of the mean probabilities [B,C,H,W] of images [B,3,H,W] as ``logits``."""
        total = None
        for network in self.networks:
            for scale in self.scales:
                scaled = _resize(image, [round(scale * side) for side in image.shape[-2:]])
                for flip in self.flips:
                    logits = self._predict(network, scaled, flip)
                    scores = F.log_softmax(_resize(logits, image.shape[-2:]), 1)
                    total = scores if total is None else torch.logaddexp(total, scores)
        assert total is not None
        count = len(self.networks) * len(self.scales) * len(self.flips)
        return {"logits": total - math.log(count)}

    def _predict(self, network: nn.Module, image: Tensor, flip: bool) -> Tensor:
        logits: Tensor = network(image.flip(-1) if flip else image)["logits"]
        return logits.flip(-1)[:, self.flip_table[: logits.shape[1]]] if flip else logits


def require_scales(
    scales: Sequence[float], size: tuple[int, int], stride: int, sizes: Sizes = ANY
) -> None:
    """Require scaled images of sizes that the network takes without padding.

    Args:
        scales: scale factors relative to the image size.
        size: height and width that the network was trained with, pixels.
        stride: of the network, pixels.
        sizes: sizes of images that the network takes.

    Raises:
        ConfigError: a scale does not fit; lists the scales that do.
    """

    def fits(scale: float) -> bool:
        scaled = [round(scale * side) for side in size]
        return not any(side % stride for side in scaled) and sizes.take(*scaled)

    invalid = [scale for scale in scales if scale != 1 and not fits(scale)]
    if invalid:
        height, width = size
        steps = range(max(1, height // stride // 2), 2 * height // stride + 1)
        found = [step * stride / height for step in steps if fits(step * stride / height)]
        allowed = ", ".join(f"{scale:.6g}" for scale in found) or "none but 1"
        reason = (
            f"is not a multiple of the network's stride, {stride} px"
            if sizes == ANY
            else f"is no size of the network, which takes {sizes}"
        )
        raise ConfigError(
            [
                f"scales: {', '.join(f'{scale:g}' for scale in invalid)} of "
                f"{height if height == width else f'{height} x {width}'} px {reason}; "
                f"allowed are {allowed}"
            ]
        )


def _resize(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Resize maps [B,C,H,W] bilinearly, with antialiasing when downsampling."""
    if tuple(size) == tuple(maps.shape[-2:]):
        return maps
    downsamples = size[0] < maps.shape[-2]
    # On the CPU, PyTorch does not antialias in half precision.
    return F.interpolate(maps.float(), tuple(size), mode="bilinear", antialias=downsamples)
