"""What every architecture is wrapped in, so that all of them take and give the same things."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Auxiliary:
    """A second classifier, on features that a part of the body gives, for training alone.

    Args:
        name: of its output.
        part: name of the body's part.
        head: maps features [B,F,h,w] to logits [B,C,h,w].
        weight: of its loss.
        stage: which features, where the part gives a list of them.
    """

    name: str
    part: str
    head: nn.Module
    weight: float
    stage: int | None = None


class Network(nn.Module):
    """An architecture that accepts any size: pads to its stride and crops back.

    Parameters that never get a gradient (stages behind the last one that is used) are frozen, so
    that counts are honest and distributed training does not wait for them.

    Args:
        body: maps photos [B,3,H,W] to logits [B,C,H,W], H and W multiples of `stride`.
        stride: what height and width are padded to a multiple of, pixels.
        auxiliaries: classifiers inside the body.
        main_weight: weight of the loss of the last output beside those of the auxiliaries.
    """

    def __init__(
        self,
        body: nn.Module,
        stride: int,
        auxiliaries: Sequence[Auxiliary] = (),
        main_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.body = body
        self.stride = stride
        self.heads = nn.ModuleDict({each.name: each.head for each in auxiliaries})
        self.output_weights = {each.name: each.weight for each in auxiliaries}
        if auxiliaries:
            self.output_weights["logits"] = main_weight
        self._seen: dict[str, Tensor] = {}
        for each in auxiliaries:
            # A bound method follows a copy of the network, which a closure would not.
            note = partial(self._note, each.name, each.stage)
            body.get_submodule(each.part).register_forward_hook(note)
        self._freeze_unused()

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """``logits`` [B,C,H,W] of photos [B,3,H,W]; in training those of the auxiliaries, too."""
        height, width = image.shape[-2:]
        right, below = -width % self.stride, -height % self.stride
        if right or below:
            image = F.pad(image, (0, right, 0, below))
        outputs = {"logits": self.body(image)}  # [B,C,H+below,W+right]
        if self.training:
            for name, head in self.heads.items():
                outputs[name] = F.interpolate(
                    head(self._seen[name]), image.shape[-2:], mode="bilinear", align_corners=False
                )
        self._seen.clear()
        return {name: logits[..., :height, :width] for name, logits in outputs.items()}

    @property
    def trainable(self) -> int:
        """Number of parameters that training changes."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def _note(
        self, name: str, stage: int | None, part: nn.Module, inputs: Any, output: Any
    ) -> None:
        """Keep the features that an auxiliary classifier looks at until it does."""
        self._seen[name] = output if stage is None else output[stage]

    def _freeze_unused(self) -> None:
        """Freeze what one backward pass leaves without a gradient."""
        size = max(64, self.stride)
        states = {name: buffer.clone() for name, buffer in self.named_buffers()}
        with torch.random.fork_rng(devices=[]):
            outputs = self(torch.randn(2, 3, size, size))
            torch.stack([logits.sum() for logits in outputs.values()]).sum().backward()
        for parameter in self.parameters():
            parameter.requires_grad_(parameter.grad is not None)
            parameter.grad = None
        for name, buffer in self.named_buffers():  # the pass moved the running statistics
            buffer.copy_(states[name])
