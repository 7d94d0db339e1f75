"""Common wrapper of all architectures, which gives them the same interface."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from clothseg.geometry import ImageSize, sides
from clothseg.model.sizes import ANY, Sizes

PROBE = 64
"""Height and width of images with which unused parameters are found, unless it takes larger ones,
pixels."""


@dataclass(frozen=True)
class Auxiliary:
    """Auxiliary classifier on the features of a submodule of the body, used in training only.

    Args:
        name: name of its output.
        part: name of the submodule of the body.
        head: maps features [B,F,h,w] to logits [B,C,h,w].
        weight: weight of its loss.
        stage: index of the features if the submodule returns a list of them.
    """

    name: str
    part: str
    head: nn.Module
    weight: float
    stage: int | None = None


class Network(nn.Module):
    """Architecture with one interface: pads images to its stride and crops what has their size.

    Parameters that never receive a gradient (encoder stages after the last one used) are frozen, so
    that the number of trainable parameters is correct and distributed training does not wait for
    them.

    Args:
        body: maps images [B,3,H,W] to logits [B,C,H,W], H and W multiples of `stride`, or to
            several outputs of any size by name, of which ``logits`` are one.
        stride: height and width are padded to a multiple of this, pixels.
        auxiliaries: classifiers on submodules of the body.
        main_weight: weight of the main output's loss relative to those of the auxiliaries.
        sizes: sizes of images that the network takes.
        probe: height and width of images with which unused parameters are found, pixels.

    Attributes:
        output_weights: weights of the outputs that have the same loss, by name; empty if only
            ``logits`` has it.
    """

    def __init__(
        self,
        body: nn.Module,
        stride: int,
        auxiliaries: Sequence[Auxiliary] = (),
        main_weight: float = 1.0,
        sizes: Sizes = ANY,
        probe: ImageSize = PROBE,
    ) -> None:
        super().__init__()
        self.body = body
        self.stride, self.sizes = stride, sizes
        self.heads = nn.ModuleDict({auxiliary.name: auxiliary.head for auxiliary in auxiliaries})
        self.output_weights = {auxiliary.name: auxiliary.weight for auxiliary in auxiliaries}
        if auxiliaries:
            self.output_weights["logits"] = main_weight
        self._features: dict[str, Tensor] = {}
        for auxiliary in auxiliaries:
            # In a deep copy of the network a bound method refers to the copy; a closure would not.
            hook = partial(self._store_features, auxiliary.name, auxiliary.stage)
            body.get_submodule(auxiliary.part).register_forward_hook(hook)
        least = max(sizes.smallest, stride)
        freeze_unused(self, dict.values, [max(side, least) for side in sides(probe)])

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return ``logits`` [B,C,H,W] of images [B,3,H,W], and what further heads return.

        In training these are also auxiliary logits [B,C,H,W].

        Raises:
            ValueError: the network does not take images of this size.
        """
        height, width = image.shape[-2:]
        if self.sizes != ANY and not self.sizes.take(height, width):
            raise ValueError(f"images of {height} x {width} px: the network takes {self.sizes}")
        right, bottom = -width % self.stride, -height % self.stride
        if right or bottom:
            image = F.pad(image, (0, right, 0, bottom))
        built = self.body(image)  # [B,C,H+bottom,W+right]
        outputs = dict(built) if isinstance(built, Mapping) else {"logits": built}
        if self.training:
            for name, head in self.heads.items():
                outputs[name] = F.interpolate(
                    head(self._features[name]),
                    image.shape[-2:],
                    mode="bilinear",
                    align_corners=False,
                )
        self._features.clear()
        padded = image.shape[-2:]
        return {
            name: maps[..., :height, :width] if maps.shape[-2:] == padded else maps
            for name, maps in outputs.items()
        }

    @property
    def trainable(self) -> int:
        """Number of trainable parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def _store_features(
        self, name: str, stage: int | None, part: nn.Module, inputs: Any, output: Any
    ) -> None:
        """Store the features of an auxiliary classifier until it is evaluated (forward hook)."""
        self._features[name] = output if stage is None else output[stage]

    @property
    def backbone(self) -> nn.Module | None:
        """The encoder, which may have a learning rate of its own; None without one."""
        encoder = getattr(self.body, "encoder", None)
        return encoder if isinstance(encoder, nn.Module) else None


def freeze_unused(
    module: nn.Module,
    used_outputs: Callable[[Any], Iterable[Tensor]],
    size: Sequence[int] = (PROBE, PROBE),
) -> None:
    """Freeze the parameters of a module that the outputs that are used do not depend on.

    Args:
        module: maps images [B,3,H,W] to outputs.
        used_outputs: selects tensors of these.
        size: height and width of the images that it is tried with, pixels.
    """
    try:  # shapes only, without data
        used = _used_parameters(module, used_outputs, size, "meta")
    except Exception:  # code of the user's own that looks at values
        used = _used_parameters(module, used_outputs, size, "cpu")
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name in used)


def _used_parameters(
    module: nn.Module,
    used_outputs: Callable[[Any], Iterable[Tensor]],
    size: Sequence[int],
    device: str,
) -> set[str]:
    """Find the parameters that outputs depend on, in a forward pass with copies of them."""
    parameters = {
        name: tensor.detach().to(device, copy=True).requires_grad_()
        for name, tensor in module.named_parameters()
    }
    buffers = {name: tensor.to(device, copy=True) for name, tensor in module.named_buffers()}
    with torch.random.fork_rng(devices=[]):
        images = torch.randn(2, 3, *size, device=device)
        outputs = functional_call(module, parameters | buffers, (images,))
    leaves = gradient_leaves(used_outputs(outputs))
    return {name for name, parameter in parameters.items() if parameter in leaves}


def as_network(built: nn.Module, image_size: ImageSize) -> Network:
    """Wrap a plain network, which maps images [B,3,H,W] to logits [B,C,H,W].

    Args:
        built: a :class:`Network`, which is returned unchanged, or a plain one.
        image_size: height and width of its images, pixels.
    """
    return built if isinstance(built, Network) else Network(built, stride=1, probe=image_size)


def gradient_leaves(outputs: Iterable[Tensor]) -> set[Tensor]:
    """Collect the parameters that would receive a gradient from the outputs.

    Walking autograd's graph takes a fraction of the time of a backward pass.
    """
    pending = [output.grad_fn for output in outputs]
    seen, leaves = set(), set()
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):  # the end of a path, which accumulates a gradient
            leaves.add(node.variable)
        pending += [following for following, _ in node.next_functions]
    return leaves
