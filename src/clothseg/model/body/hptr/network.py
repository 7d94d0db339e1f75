"""HPTR as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from clothseg.model.body.hptr.masks import AttentionMaps, BottomUp, MaskBranch
from clothseg.model.body.hptr.position import sine_positions
from clothseg.model.body.hptr.pyramid import Pyramid, semantic_head
from clothseg.model.body.hptr.transformer import Transformer

STRIDE = 32
"""Stride of the features of the transformer, pixels."""
PERSON, NO_PERSON = 0, 1
"""Classes of a query."""


@dataclass(frozen=True)
class Features:
    """Features that the masks of queries are computed from.

    Args:
        common: features that the queries of an image share.
        queries: queries after the last layer of the decoder [B,Q,d].
        encoded: encoded images [B,h,w,d] of stride 32.
        padding: True where they are padded, bool [B,h,w].
    """

    common: BottomUp
    queries: Tensor
    encoded: Tensor
    padding: Tensor


class HPTR(nn.Module):
    """Human parsing with transformers: semantic maps, people, and their masks.

    Args:
        encoder: maps images to features of strides 1, 2, 4, 8, 16 and 32.
        maps: number of values of each semantic map by name, with the background.
        queries: number Q of queries, the largest number of people.
        features: features d of the transformer.
        heads: heads of each attention.
        hidden: features of the hidden layer of feed-forward blocks.
        layers: number of layers of the transformer's encoder, and of its decoder.
        dropout: probability of dropping a feature in the transformer.
        lateral: channels of the pyramid's levels.
        width: channels of the features that all heads share.

    Source: loesch2021, section 3 and Fig. 3. What these leave open is DETR's, or ours where it says
        so.
    """

    def __init__(
        self,
        encoder: Any,
        maps: Mapping[str, int],
        *,
        queries: int,
        features: int,
        heads: int,
        hidden: int,
        layers: int,
        dropout: float,
        lateral: int,
        width: int,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        channels = list(encoder.out_channels[2:])
        self.pyramid = Pyramid(channels, lateral, width)
        self.semantic = nn.ModuleDict({n: semantic_head(width, k) for n, k in maps.items()})
        self.projection = nn.Conv2d(channels[-1], features, 1)
        self.queries = nn.Embedding(queries, features)
        self.transformer = Transformer(
            features,
            heads=heads,
            hidden=hidden,
            encoder_layers=layers,
            decoder_layers=layers,
            dropout=dropout,
        )
        self.person = nn.Linear(features, 2)
        self.box = nn.Sequential(
            nn.Linear(features, features),
            nn.ReLU(),
            nn.Linear(features, features),
            nn.ReLU(),
            nn.Linear(features, 4),
        )
        self.attention = AttentionMaps(features, heads)
        self.mask_branch = MaskBranch(features, width, heads)

    def forward(self, image: Tensor, padding: Tensor) -> tuple[dict[str, Tensor], Features]:
        """Return the outputs except masks, and what masks are computed from.

        Args:
            image: images [B,3,H,W]; H and W are multiples of 32.
            padding: True where they are padded, bool [B,H,W].

        Returns:
            Logits [B,K,H/4,W/4] of each semantic map; ``people``, logits [L,B,Q,2] of
            :data:`PERSON` and :data:`NO_PERSON` after each of L layers of the decoder; ``boxes``,
            [L,B,Q,4], center, width and height as fractions of the unpadded image.
        """
        levels = self.encoder(image)[2:]
        shared = self.pyramid(levels)
        outputs = {name: head(shared) for name, head in self.semantic.items()}
        projected = self.projection(levels[-1])  # [B,d,h,w]
        batch, features, height, width = projected.shape
        small = _reduced(padding)
        positions = sine_positions(small, features // 2)
        layers, encoded = self.transformer(
            projected.flatten(2).mT,
            positions.flatten(2).mT,
            small.flatten(1),
            self.queries.weight,
        )
        outputs["people"] = self.person(layers)
        outputs["boxes"] = self.box(layers).sigmoid()
        common = self.mask_branch.bottom_up(shared, projected)
        encoded = encoded.view(batch, height, width, features)
        return outputs, Features(common, layers[-1], encoded, small)

    def masks(self, features: Features, images: Tensor, queries: Tensor) -> Tensor:
        """Return the mask logits [N,H/4,W/4] of chosen queries.

        Args:
            features: result of :meth:`forward`.
            images: position of the image of each chosen query in the batch, int64 [N].
            queries: number of the query, int64 [N].
        """
        attention = self.attention(
            features.queries[images, queries], features.encoded[images], features.padding[images]
        )
        # Their sum is 1. With a mean of 1 they are as large as the features beside them, without
        # which masks are not learned in thousands of steps.
        visible = (~features.padding[images]).flatten(1).sum(1)
        attention = attention * (self.attention.heads * visible)[:, None, None, None]
        masks: Tensor = self.mask_branch(features.common, images, attention)
        return masks


def _reduced(padding: Tensor) -> Tensor:
    """Reduce a padding mask bool [B,H,W] to features of stride 32, bool [B,h,w].

    A position is padded if its whole block of pixels is.
    """
    visible = F.max_pool2d((~padding)[:, None].float(), STRIDE)
    return visible[:, 0] < 0.5
