"""What every architecture is wrapped in, so that all of them take and give the same things."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Network(nn.Module):
    """An architecture that accepts any size: pads to its stride and crops back.

    Parameters that never get a gradient (stages behind the last one that is used) are frozen, so
    that counts are honest and distributed training does not wait for them.

    Args:
        body: maps photos [B,3,H,W] to logits [B,C,H,W], H and W multiples of `stride`.
        stride: what height and width are padded to a multiple of, pixels.
    """

    def __init__(self, body: nn.Module, stride: int) -> None:
        super().__init__()
        self.body = body
        self.stride = stride
        self._freeze_unused()

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Logits [B,C,H,W] of photos [B,3,H,W]."""
        height, width = image.shape[-2:]
        right, below = -width % self.stride, -height % self.stride
        if right or below:
            image = F.pad(image, (0, right, 0, below))
        logits = self.body(image)  # [B,C,H+below,W+right]
        return {"logits": logits[..., :height, :width]}

    @property
    def trainable(self) -> int:
        """Number of parameters that training changes."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def _freeze_unused(self) -> None:
        """Freeze what one backward pass leaves without a gradient."""
        size = max(64, self.stride)
        states = {name: buffer.clone() for name, buffer in self.body.named_buffers()}
        with torch.random.fork_rng(devices=[]):
            self.body(torch.randn(2, 3, size, size)).sum().backward()
        for parameter in self.body.parameters():
            parameter.requires_grad_(parameter.grad is not None)
            parameter.grad = None
        for name, buffer in self.body.named_buffers():  # the pass moved the running statistics
            buffer.copy_(states[name])
