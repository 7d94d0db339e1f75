"""Conversion of logits to classes: argmax, optionally after an opening of every channel.

Each function returns a callable from logits float [B,C,h,w], and a height and width, to class ids
int64 [B,H,W]. Logits are processed at the size of the network's input, so that validation, test and
prediction give the same result at any output size. Torch is imported when a callable is used.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import AfterValidator, Field

if TYPE_CHECKING:
    from torch import Tensor


class Postprocess(Protocol):
    """Callable that assigns a class to every pixel."""

    def __call__(self, logits: "Tensor", size: Sequence[int] | None = None) -> "Tensor":
        """Return class ids int64 [B,H,W] of logits [B,C,h,w]; a size of None keeps theirs."""


def _require_odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError("must be odd, so that the kernel has a center")
    return size


Size = Annotated[int, Field(ge=3, le=31), AfterValidator(_require_odd)]


def none() -> Postprocess:
    """Assign the class of the largest logit."""

    def argmax(logits: "Tensor", size: Sequence[int] | None = None) -> "Tensor":
        return largest_channel(logits, size)

    return argmax


def opening(
    *,
    mode: Literal["grey", "binary_argmax", "binary_threshold"],
    kernel: Literal["square", "cross"],
    size: Size,
) -> Postprocess:
    """Assign the largest channel after a morphological opening of each, to remove small regions.

    Erosion and dilation ignore pixels outside the image. Ties are resolved in favor of the lowest
    class id, so a pixel that is 0 in all channels becomes background.

    Args:
        mode: maps to open: the probabilities (`grey`), the regions of argmax (`binary_argmax`), or
            the regions with a probability above 0.5 (`binary_threshold`).
        kernel: shape of the structuring element.
        size: its height and width in pixels of the network's input.

    Source: inacio2019, section IV.C, which mentions softmax channels and binary maps, but specifies
        no kernel.
    """
    kernel_size = size

    def opened_argmax(logits: "Tensor", size: Sequence[int] | None = None) -> "Tensor":
        import torch.nn.functional as F

        if mode == "binary_argmax":
            maps = F.one_hot(logits.argmax(1), logits.shape[1]).movedim(-1, 1).float()
        else:
            maps = logits.float().softmax(1)
            maps = maps if mode == "grey" else (maps > 0.5).float()
        return largest_channel(open_channels(maps, kernel, kernel_size), size)

    return opened_argmax


def largest_channel(maps: "Tensor", size: Sequence[int] | None = None) -> "Tensor":
    """Compute the argmax int64 [B,H,W] of maps float [B,C,h,w]; the first of equal channels wins.

    For another size the maps are bilinearly interpolated sequentially: together they would take
    gigabytes for a large image.
    """
    import torch
    import torch.nn.functional as F

    if size is None or tuple(maps.shape[-2:]) == tuple(size):
        return maps.argmax(1)
    channels = torch.split(maps.float(), 1, 1)
    highest = F.interpolate(channels[0], tuple(size), mode="bilinear")
    classes = torch.zeros(highest.shape, dtype=torch.int64, device=maps.device)
    for class_id, channel in enumerate(channels[1:], start=1):
        values = F.interpolate(channel, tuple(size), mode="bilinear")
        classes.masked_fill_(values > highest, class_id)
        highest = torch.maximum(highest, values)
    return classes[:, 0]


def open_channels(maps: "Tensor", kernel: Literal["square", "cross"], size: int) -> "Tensor":
    """Erode, then dilate every channel of maps float [B,C,H,W]."""
    return _dilate(-_dilate(-maps, kernel, size), kernel, size)


def _dilate(maps: "Tensor", kernel: Literal["square", "cross"], size: int) -> "Tensor":
    import torch
    import torch.nn.functional as F

    padding = size // 2
    rows = F.max_pool2d(maps, (1, size), 1, (0, padding))  # pads with minus infinity
    if kernel == "square":
        return F.max_pool2d(rows, (size, 1), 1, (padding, 0))
    return torch.maximum(rows, F.max_pool2d(maps, (size, 1), 1, (padding, 0)))
