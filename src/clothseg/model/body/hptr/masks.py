"""Masks of people: attention of each query, refined from stride 32 to stride 4."""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from clothseg.model.body.hptr.layers import convolution, resized_like

GROUPS = 8
"""Groups of normalization."""
TOP_DOWN = (128, 64, 32, 16)
"""Channels of the top-down path at strides 32, 16, 8 and 4."""


class AttentionMaps(nn.Module):
    """Attention of queries to the positions of an image.

    Args:
        features: features d of queries and positions.
        heads: number H of heads.

    Source: Carion et al., End-to-end object detection with transformers, 2020; the softmax runs
        over heads and positions together, as in its program.
    """

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, (features / heads) ** -0.5
        self.query, self.key = nn.Linear(features, features), nn.Linear(features, features)
        for layer in (self.query, self.key):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, queries: Tensor, image: Tensor, padding: Tensor) -> Tensor:
        """Return the attention [N,H,h,w] of queries.

        Args:
            queries: queries [N,d].
            image: encoded image of each query [N,h,w,d].
            padding: True at padded positions, bool [N,h,w].
        """
        asked = self.query(queries).unflatten(-1, (self.heads, -1)) * self.scale
        keys = self.key(image).unflatten(-1, (self.heads, -1))
        weights = torch.einsum("nce,nhwce->nchw", asked, keys)
        weights = weights.masked_fill(padding[:, None], float("-inf"))
        return weights.flatten(1).softmax(-1).view_as(weights)


class BottomUp(NamedTuple):
    """Features of images that their queries share.

    Args:
        laterals: features of strides 16, 8 and 4, [B,F,h,w] each.
        top: features of stride 32 [B,T,h,w].
    """

    laterals: list[Tensor]
    top: Tensor


class MaskBranch(nn.Module):
    """Path down to stride 32 that all queries share, and one up to stride 4 for each of them.

    Args:
        features: features d of the transformer.
        width: channels F of the shared features of stride 4.
        heads: heads of the attention maps.

    Source: loesch2021, section 3, which names the paths but not their layers; those of the second
        are DETR's.
    """

    def __init__(self, features: int, width: int, heads: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            convolution(width, after, GROUPS, stride=2) for after in (width, width, 2 * width)
        )
        wide = features + 2 * width + heads
        # Normalization needs a multiple of its groups.
        self.widest = convolution(wide, -(-wide // GROUPS) * GROUPS, GROUPS)
        counts = [-(-wide // GROUPS) * GROUPS, *TOP_DOWN]
        self.up = nn.ModuleList(
            convolution(before, after, GROUPS) for before, after in pairwise(counts)
        )
        self.laterals = nn.ModuleList(nn.Conv2d(width, after, 1) for after in TOP_DOWN[:3])
        self.last = nn.Conv2d(TOP_DOWN[-1], 1, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=1)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def bottom_up(self, shared: Tensor, projected: Tensor) -> BottomUp:
        """Compute what the queries of an image share.

        Args:
            shared: features of stride 4 [B,F,h,w].
            projected: input of the transformer, of stride 32 [B,d,h,w].
        """
        levels = [shared]
        for layer in self.down:
            levels.append(layer(levels[-1]))
        laterals = [
            lateral(level) for lateral, level in zip(self.laterals, levels[2::-1], strict=True)
        ]
        return BottomUp(laterals, torch.cat([projected, resized_like(levels[3], projected)], 1))

    def forward(self, common: BottomUp, images: Tensor, attention: Tensor) -> Tensor:
        """Return the mask logits [N,h,w] of queries, of stride 4.

        Args:
            common: what the queries of an image share.
            images: position of the image of each query in the batch, int64 [N].
            attention: attention maps of the queries [N,H,h,w].
        """
        features = self.up[0](self.widest(torch.cat([common.top[images], attention], 1)))
        for layer, lateral in zip(self.up[1:], common.laterals, strict=True):
            features = layer(resized_like(features, lateral) + lateral[images])
        masks: Tensor = self.last(features)
        return masks[:, 0]
