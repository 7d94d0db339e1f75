"""Network of dang2020: a U-Net down to 1x1 whose decoder tells which classes occur where."""

from functools import partial
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = (32, 64, 128, 256, 512, 1024, 1024, 1024)
"""Channels of A and of E_0 to E_6. Table II prints one number for each of E_1 to E_4; the layers of
A, E_0 and E_5 show that it is F in F, 2F, F."""

LEAK, HIDDEN, IMAGE_HIDDEN = 128, 128, 64
"""Channels of C_i, of the hidden layers of D_i and L_i, and of those of B_i."""

FIRST_CONVOLUTIONS = (*((4, 2, 1),) * 5, (3, 3, 1), (3, 1, 0))
"""Kernel size, stride and padding of the first convolution of E_0 to E_6."""

KERNELS = (3, 3, 3, 3, 3, 3, 1)
"""Kernel size of the second convolution of E_i, and of those of C_i and D_i, for i from 0 to 6."""

PYRAMID_LEVELS = range(1, 5)
"""Levels of B_i, and of L_i below full size."""


class PyramidUNet(nn.Module):
    """U-Net of seven levels whose decoder predicts, at each level, the classes that are present.

    The modules are the blocks of Table II. With e_i, the output of E_i, and e_{-1}, that of A:

    - `stem`: A, on the image
    - `encoder[i]`: E_i, on e_{i-1}
    - `leaks[i]`: C_i, on e_i
    - `decoder[i]`: D_i, on e_i and the unpooled outputs of D_{i+1} and C_{i+1}
    - `segmentation[i]`: L_i, on the unpooled outputs of C_i and D_i, and e_{i-1}
    - `reconstruction[i - 1]`: B_i, on e_{i-1}

    Args:
        classes: number of classes C.
        image_heads: add B_1 to B_4, which reconstruct the image at smaller sizes.
        segmentation_heads: add L_1 to L_4, which predict the segmentation at smaller sizes.
        norm: `batch` adds batch normalization before each ReLU; its convolutions have no bias. The
            features of E_6 are 1x1 at 224 px, so that training needs two images per batch.
        init: variance of the normally distributed weights, 1 / fan-in (`lecun`, as the paper) or
            2 / fan-in (`kaiming`). Biases are zero.
        width: factor of all channels but those of images and of classes.
        compute_aux_at_inference: compute B_i and L_1 to L_4 in evaluation mode as well.

    Source: dang2020, section III-B and Table II; LeCun initialization in section IV-E. The text
        lists e_i as input of L_i, but it has half the size of the others; e_{i-1}, which is also
        the input of B_i, has the same size.
    """

    stride = 32

    def __init__(
        self,
        classes: int,
        *,
        image_heads: bool,
        segmentation_heads: bool,
        norm: Literal["none", "batch"],
        init: Literal["lecun", "kaiming"],
        width: float,
        compute_aux_at_inference: bool,
    ) -> None:
        super().__init__()
        self.compute_aux_at_inference = compute_aux_at_inference
        channels = [_scaled(count, width) for count in CHANNELS]
        leak, hidden, image_hidden = (_scaled(n, width) for n in (LEAK, HIDDEN, IMAGE_HIDDEN))
        convolution, stage, head = (
            partial(build, batch_norm=norm == "batch") for build in (_convolution, _stage, _head)
        )
        self.stem = stage(3, channels[0], (5, 1, 2), 3)
        self.encoder = nn.ModuleList(
            stage(before, after, first, kernel)
            for (before, after), first, kernel in zip(
                pairwise(channels), FIRST_CONVOLUTIONS, KERNELS, strict=True
            )
        )
        self.leaks, self.decoder = nn.ModuleList(), nn.ModuleList()
        below = [classes + leak] * 6 + [0]
        for count, kernel, unpooled in zip(channels[1:], KERNELS, below, strict=True):
            self.leaks.append(convolution(count, leak, kernel))
            self.decoder.append(head(count + unpooled, hidden, classes, kernel))
        self.segmentation = nn.ModuleList(
            head(leak + classes + channels[level], hidden, classes)
            for level in (0, *(PYRAMID_LEVELS if segmentation_heads else ()))
        )
        self.reconstruction = nn.ModuleList(
            head(channels[level], image_hidden, 3)
            for level in (PYRAMID_LEVELS if image_heads else ())
        )
        variance = 1 if init == "lecun" else 2  # times fan-in
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_in = module.weight[0].numel()
                nn.init.normal_(module.weight, std=(variance / fan_in) ** 0.5)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return the outputs of images [B,3,H,W], all before their sigmoid or softmax.

        H and W are multiples of 32, at least 224 px.

        Returns:
            ``logits`` [B,C,H,W]; ``presence_i`` [B,C,h,w], i from 1 to 6, which D_i computes before
            it unpools; in training, or with `compute_aux_at_inference`, also those of the heads
            that exist: ``image_i`` [B,3,H/2^i,W/2^i] and ``logits_i`` [B,C,H/2^i,W/2^i], i from 1
            to 4. ``presence_i`` has the size of E_i's output, H/2^(i+1) up to i = 4, then 3 and 1
            at 224 px.
        """
        auxiliary = self.training or self.compute_aux_at_inference
        outputs: dict[str, Tensor] = {}
        features = [self.stem(image)]  # features[i] is e_{i-1}, [B,F,H/2^i,W/2^i] up to i = 5
        for stage in self.encoder:
            features.append(stage(features[-1]))
        if auxiliary:
            for level, head in enumerate(self.reconstruction, start=1):
                outputs[f"image_{level}"] = head(features[level])  # [B,3,H/2^i,W/2^i]
        below: list[Tensor] = []
        for level in reversed(range(len(self.decoder))):
            current, finer = features.pop(), features[-1]
            presence = self.decoder[level](torch.cat([current, *below], 1))  # [B,C,h,w]
            detected = _unpool(presence.sigmoid(), finer)  # [B,C,2h,2w] up to level 4
            leaked = _unpool(self.leaks[level](current), finer)  # [B,128,2h,2w]
            if level:
                outputs[f"presence_{level}"] = presence
            if level == 0 or (auxiliary and level < len(self.segmentation)):
                name = f"logits_{level}" if level else "logits"
                outputs[name] = self.segmentation[level](torch.cat([leaked, detected, finer], 1))
            below = [detected, leaked]
        return outputs


def _unpool(features: Tensor, finer: Tensor) -> Tensor:
    """Unpool features [B,F,h,w] to the size of finer ones, without the indices of a pooling layer.

    Chainer's `unpooling_2d` with `cover_all=False` copies each value to its window, sums where
    windows overlap, and crops the padding. The nearest neighbor of each cell's center gives the
    same for every kernel, stride and padding in Table II: 1 -> 3, 3 -> 7 and n -> 2n.
    """
    return F.interpolate(features, finer.shape[-2:], mode="nearest-exact")


def _scaled(channels: int, width: float) -> int:
    return max(1, round(width * channels))


def _convolution(
    in_channels: int,
    out_channels: int,
    kernel: int,
    stride: int = 1,
    padding: int | None = None,
    *,
    batch_norm: bool,
) -> nn.Sequential:
    """Build a convolution and its ReLU; by default, it is padded to keep the size."""
    padding = kernel // 2 if padding is None else padding
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, out_channels, kernel, stride, padding, bias=not batch_norm)
    ]
    if batch_norm:
        layers.append(nn.BatchNorm2d(out_channels))
    return nn.Sequential(*layers, nn.ReLU(inplace=True))


def _stage(
    in_channels: int,
    out_channels: int,
    first: tuple[int, int, int],
    kernel: int,
    *,
    batch_norm: bool,
) -> nn.Sequential:
    """Build A or E_i: convolutions to F, 2F and F channels, the last one 1x1."""
    convolution = partial(_convolution, batch_norm=batch_norm)
    return nn.Sequential(
        *convolution(in_channels, out_channels, *first),
        *convolution(out_channels, 2 * out_channels, kernel),
        *convolution(2 * out_channels, out_channels, 1),
    )


def _head(
    in_channels: int, hidden: int, out_channels: int, kernel: int = 3, *, batch_norm: bool
) -> nn.Sequential:
    """Build D_i, L_i or B_i, up to its activation and unpooling."""
    return nn.Sequential(
        *_convolution(in_channels, hidden, kernel, batch_norm=batch_norm),
        nn.Conv2d(hidden, out_channels, kernel, padding=kernel // 2),
    )
