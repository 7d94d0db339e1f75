"""From logits to classes: the largest logit, or an opening of every channel before it.

Each function gives a callable from logits float [B,C,h,w], and a height and width, to class ids
int64 [B,H,W]. What it does to the logits it does at the network's size, so that validation, test
and prediction treat a photo alike, whatever size classes are told at. Torch is imported when one is
called.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import AfterValidator, Field

if TYPE_CHECKING:
    from torch import Tensor


class Postprocess(Protocol):
    """Tells the class of every pixel."""

    def __call__(self, logits: "Tensor", size: Sequence[int] | None = None) -> "Tensor":
        """Class ids int64 [B,H,W] of logits [B,C,h,w] at a size; None keeps that of the logits."""


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError("must be odd, so that the kernel has a centre")
    return size


Size = Annotated[int, Field(ge=3, le=31), AfterValidator(_odd)]


def none() -> Postprocess:
    """The class of the largest logit."""

    def largest(logits: "Tensor", size: Sequence[int] | None = None) -> "Tensor":
        return largest_channel(logits, size)

    return largest


def opening(
    *,
    mode: Literal["grey", "binary_argmax", "binary_threshold"],
    kernel: Literal["square", "cross"],
    size: Size,
) -> Postprocess:
    """The largest channel after a morphological opening of each, which removes what is small.

    Pixels outside the photo are left out of erosion and dilation. Of equal channels the one of the
    lowest id wins, so that a pixel without any is background.

    Args:
        mode: what is opened: the probabilities (`grey`), the regions that argmax gives
            (`binary_argmax`), or those where the probability is above one half
            (`binary_threshold`).
        kernel: shape of the structuring element.
        size: its height and width, pixels of what the network sees.

    Source: inacio2019, section IV.C, which speaks of softmax channels and of binary maps, and
        names no kernel.
    """
    kernel_size = size

    def opened(logits: "Tensor", size: Sequence[int] | None = None) -> "Tensor":
        import torch.nn.functional as F

        if mode == "binary_argmax":
            maps = F.one_hot(logits.argmax(1), logits.shape[1]).movedim(-1, 1).float()
        else:
            maps = logits.float().softmax(1)
            maps = maps if mode == "grey" else (maps > 0.5).float()
        return largest_channel(open_channels(maps, kernel, kernel_size), size)

    return opened


def largest_channel(maps: "Tensor", size: Sequence[int] | None = None) -> "Tensor":
    """The largest of maps float [B,C,h,w] at every pixel, the first of equals: int64 [B,H,W].

    At another size the maps are interpolated (bilinear) one after the other: all of them together
    would take gigabytes for a large photo.
    """
    import torch
    import torch.nn.functional as F

    if size is None or tuple(maps.shape[-2:]) == tuple(size):
        return maps.argmax(1)
    channels = maps.float().split(1, 1)
    highest = F.interpolate(channels[0], tuple(size), mode="bilinear")
    classes = torch.zeros(highest.shape, dtype=torch.int64, device=maps.device)
    for number, channel in enumerate(channels[1:], start=1):
        values = F.interpolate(channel, tuple(size), mode="bilinear")
        classes.masked_fill_(values > highest, number)
        highest = torch.maximum(highest, values)
    return classes[:, 0]


def open_channels(maps: "Tensor", kernel: Literal["square", "cross"], size: int) -> "Tensor":
    """Erosion, then dilation, of every channel of maps float [B,C,H,W]."""
    return _dilated(-_dilated(-maps, kernel, size), kernel, size)


def _dilated(maps: "Tensor", kernel: Literal["square", "cross"], size: int) -> "Tensor":
    import torch
    import torch.nn.functional as F

    reach = size // 2
    rows = F.max_pool2d(maps, (1, size), 1, (0, reach))  # which pads with minus infinity
    if kernel == "square":
        return F.max_pool2d(rows, (size, 1), 1, (reach, 0))
    return torch.maximum(rows, F.max_pool2d(maps, (size, 1), 1, (reach, 0)))
