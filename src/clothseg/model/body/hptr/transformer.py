"""Transformer of DETR: encoder over the positions of an image, decoder over queries."""

import torch
from torch import Tensor, nn


class Transformer(nn.Module):
    """Encoder and decoder with normalization after each block.

    Args:
        features: features d of positions and queries.
        heads: heads of each attention.
        hidden: features of the hidden layer of feed-forward blocks.
        encoder_layers: number of layers of the encoder.
        decoder_layers: number of layers of the decoder.
        dropout: probability of dropping a feature.

    Source: Carion et al., End-to-end object detection with transformers, 2020, appendix A.3.
    """

    def __init__(
        self,
        features: int,
        *,
        heads: int,
        hidden: int,
        encoder_layers: int,
        decoder_layers: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(
            EncoderLayer(features, heads, hidden, dropout) for _ in range(encoder_layers)
        )
        self.decoder = nn.ModuleList(
            DecoderLayer(features, heads, hidden, dropout) for _ in range(decoder_layers)
        )
        self.norm = nn.LayerNorm(features)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(
        self, image: Tensor, positions: Tensor, padding: Tensor, queries: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Let queries look at an image.

        Args:
            image: features [B,N,d] at N positions.
            positions: their position code [B,N,d].
            padding: True at padded positions, bool [B,N].
            queries: learned code of each query [Q,d].

        Returns:
            Queries after each layer of the decoder [L,B,Q,d], and the encoded image [B,N,d].
        """
        for encode in self.encoder:
            image = encode(image, positions, padding)
        code = queries.expand(image.shape[0], -1, -1)  # len would fix the batch of an export
        content = torch.zeros_like(code)
        layers = []
        for decode in self.decoder:
            content = decode(content, code, image, positions, padding)
            layers.append(self.norm(content))
        return torch.stack(layers), image


class EncoderLayer(nn.Module):
    """Attention among the positions of an image, and a feed-forward block.

    Args:
        features: features d.
        heads: heads of the attention.
        hidden: features of the hidden layer.
        dropout: probability of dropping a feature.
    """

    def __init__(self, features: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(features, heads, dropout, batch_first=True)
        self.feed_forward = _feed_forward(features, hidden, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(features) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, image: Tensor, positions: Tensor, padding: Tensor) -> Tensor:
        """Return features [B,N,d]; arguments as for :meth:`Transformer.forward`."""
        placed = image + positions
        found, _ = self.attention(
            placed, placed, image, key_padding_mask=padding, need_weights=False
        )
        image = self.norms[0](image + self.dropout(found))
        result: Tensor = self.norms[1](image + self.feed_forward(image))
        return result


class DecoderLayer(nn.Module):
    """Attention among queries, attention to the image, and a feed-forward block.

    Args:
        features: features d.
        heads: heads of each attention.
        hidden: features of the hidden layer.
        dropout: probability of dropping a feature.
    """

    def __init__(self, features: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.self_attention = nn.MultiheadAttention(features, heads, dropout, batch_first=True)
        self.attention = nn.MultiheadAttention(features, heads, dropout, batch_first=True)
        self.feed_forward = _feed_forward(features, hidden, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(features) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, content: Tensor, code: Tensor, image: Tensor, positions: Tensor, padding: Tensor
    ) -> Tensor:
        """Return the content [B,Q,d] of queries.

        Args:
            content: what the queries have found so far [B,Q,d].
            code: learned code of the queries [B,Q,d].
            image: encoded image [B,N,d].
            positions: position code of the image [B,N,d].
            padding: True at padded positions, bool [B,N].
        """
        coded = content + code
        found, _ = self.self_attention(coded, coded, content, need_weights=False)
        content = self.norms[0](content + self.dropout(found))
        found, _ = self.attention(
            content + code, image + positions, image, key_padding_mask=padding, need_weights=False
        )
        content = self.norms[1](content + self.dropout(found))
        result: Tensor = self.norms[2](content + self.feed_forward(content))
        return result


def _feed_forward(features: int, hidden: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(features, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, features),
        nn.Dropout(dropout),
    )
