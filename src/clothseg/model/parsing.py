"""Networks for human parsing: one function each, from a backbone and the maps to predict."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from clothseg.backbone import Backbone
from clothseg.metric.names import PARTS
from clothseg.model.encoder import build_encoder

if TYPE_CHECKING:
    from clothseg.model.parsing_network import ParsingNetwork

Kind = Literal["size", "pattern", "color"]
Count = Annotated[int, Field(ge=1, le=4096)]
Channels = Annotated[int, Field(ge=32, le=4096, multiple_of=32)]
"""Group normalization has 32 groups."""
Features = Annotated[int, Field(ge=8, le=4096, multiple_of=4)]
"""Features of positions are sines and cosines of rows and columns."""
Dropout = Annotated[float, Field(ge=0, lt=1)]


def hptr(
    backbone: Backbone,
    maps: Mapping[str, int],
    *,
    characteristics: list[Kind],
    queries: Annotated[int, Field(ge=1, le=254)],
    features: Features,
    heads: Annotated[int, Field(ge=1, le=64)],
    hidden: Count,
    layers: Annotated[int, Field(ge=1, le=24)],
    dropout: Dropout,
    lateral_channels: Channels,
    shared_channels: Channels,
    frozen: Literal["none", "norm", "norm_and_stem"],
) -> "ParsingNetwork":
    """Human parsing with transformers: people, their parts, and size, pattern and color of these.

    Args:
        backbone: the encoder.
        maps: number of values of each map that the dataset has, by name.
        characteristics: maps to predict besides the parts.
        queries: largest number of people.
        features: features of the transformer, a multiple of the heads.
        heads: heads of each attention.
        hidden: features of the hidden layer of feed-forward blocks.
        layers: layers of the transformer's encoder, and of its decoder.
        dropout: probability of dropping a feature in the transformer.
        lateral_channels: channels of the levels of the pyramid.
        shared_channels: channels of the features that all heads share.
        frozen: part of the encoder that is not trained, see :mod:`.parsing_network`.

    Source: loesch2021, section 3; sizes of the transformer are those of Carion et al., 2020.
    """
    from clothseg.model.body.hptr import HPTR
    from clothseg.model.parsing_network import ParsingNetwork

    body = HPTR(
        build_encoder(backbone),
        {name: maps[name] for name in (PARTS, *characteristics)},
        queries=queries,
        features=features,
        heads=heads,
        hidden=hidden,
        layers=layers,
        dropout=dropout,
        lateral=lateral_channels,
        width=shared_channels,
    )
    return ParsingNetwork(body, frozen)
