"""Common wrapper of networks for human parsing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from clothseg.model.body.hptr import HPTR, Features
from clothseg.model.body.hptr.network import STRIDE
from clothseg.model.network import freeze_unused, gradient_leaves
from clothseg.model.sizes import ANY

Frozen = Literal["none", "norm", "norm_and_stem"]
"""Part of the encoder that is not trained: nothing; its batch normalization; that, and its levels
down to stride 4."""
STEM_LEVELS = 3
"""Levels of the encoder after the image that the stem consists of: strides 2 and 4."""


@dataclass(frozen=True)
class ParsingOutput:
    """Output for a batch of images.

    Args:
        maps: logits [B,K,h,w] of each semantic map, of stride 4.
        people: logits [L,B,Q,2] of a person and of none, after each layer of the decoder.
        boxes: center, width and height as fractions of the unpadded image, [L,B,Q,4].
        network: computes masks.
        features: what it computes them from.
    """

    maps: dict[str, Tensor]
    people: Tensor
    boxes: Tensor
    network: HPTR
    features: Features

    def masks(self, images: Tensor, queries: Tensor) -> Tensor:
        """Return the mask logits [N,h,w] of chosen queries, of stride 4.

        Args:
            images: position of the image of each query in the batch, int64 [N].
            queries: number of the query, int64 [N].
        """
        return self.network.masks(self.features, images, queries)


class ParsingNetwork(nn.Module):
    """Network that finds people and semantic maps in padded images.

    Parameters of the encoder that never receive a gradient are frozen, as in
    :class:`clothseg.model.network.Network`.

    Args:
        body: the network.
        frozen: part of the encoder that keeps its initial weights.
    """

    stride, sizes = STRIDE, ANY

    def __init__(self, body: HPTR, frozen: Frozen) -> None:
        super().__init__()
        self.body, self.frozen = body, frozen
        freeze_unused(body.encoder, lambda levels: levels[STEM_LEVELS - 1 :])
        if frozen != "none":
            for norm in self._norms():
                norm.requires_grad_(False)
        if frozen == "norm_and_stem":
            self._freeze_stem()
        self.train(self.training)

    def forward(self, image: Tensor, padding: Tensor | None = None) -> ParsingOutput:
        """Return the output for images.

        Args:
            image: normalized images, zero in the padding, float [B,3,H,W]; H and W are multiples
                of 32.
            padding: True where they are padded, bool [B,H,W]; None if they are not.
        """
        if padding is None:
            padding = image.new_zeros((len(image), *image.shape[-2:]), dtype=torch.bool)
        outputs, features = self.body(image, padding)
        people, boxes = outputs.pop("people"), outputs.pop("boxes")
        return ParsingOutput(outputs, people, boxes, self.body, features)

    def train(self, mode: bool = True) -> "ParsingNetwork":
        """Set the mode; frozen batch normalization always uses its running statistics."""
        super().train(mode)
        if self.frozen != "none":
            for norm in self._norms():
                norm.eval()
        return self

    @property
    def trainable(self) -> int:
        """Number of trainable parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    @property
    def queries(self) -> int:
        """Largest number of people."""
        return self.body.queries.num_embeddings

    @property
    def backbone(self) -> nn.Module:
        """The encoder, which may have a learning rate of its own."""
        encoder: nn.Module = self.body.encoder
        return encoder

    def _norms(self) -> Sequence[nn.Module]:
        modules = self.body.encoder.modules()
        return [m for m in modules if isinstance(m, nn.modules.batchnorm._BatchNorm)]

    def _freeze_stem(self) -> None:
        """Freeze what the levels down to stride 4 depend on."""
        self.body.encoder.eval()  # running statistics must not see the image of this probe
        levels = self.body.encoder(torch.zeros(1, 3, STRIDE, STRIDE))
        used = gradient_leaves(levels[1:STEM_LEVELS])
        for parameter in self.body.encoder.parameters():
            if parameter in used:
                parameter.requires_grad_(False)
