"""Auxiliary outputs of architectures, and the weights of their losses.

Each function takes a body and the number of classes, and returns the auxiliaries and the weight of
the main output.
"""

from collections.abc import Callable
from typing import Any

from torch import nn

from clothseg.model.body.on_encoder import convolutional_head
from clothseg.model.network import Auxiliary

Body = Any
"""A network of segmentation-models-pytorch, with `encoder` and `decoder`."""
Outputs = Callable[[Body, int], tuple[list[Auxiliary], float]]


def stage_before_last(body: Body, classes: int, weight: float) -> tuple[list[Auxiliary], float]:
    """Attach a convolutional classifier to the second-to-last stage of the encoder.

    Source: Zhao et al., Pyramid scene parsing network, 2017, Fig. 4 (weight 0.4).
    """
    head = convolutional_head(body.encoder.out_channels[-2], classes)
    return [Auxiliary("stage_before_last", "encoder", head, weight, stage=-2)], 1.0


def decoder_levels(body: Body, classes: int) -> tuple[list[Auxiliary], float]:
    """Attach a linear classifier to each level of a U-Net decoder; weights 2^-i that sum to 1."""
    blocks = list(body.decoder.blocks)[:-1]  # the last level has the main output
    total = sum(2.0**-i for i in range(len(blocks) + 1))
    auxiliaries = []
    for level, block in enumerate(blocks):
        halvings = len(blocks) - level
        head = nn.Conv2d(_out_channels(block), classes, 1)
        weight = 2.0**-halvings / total
        auxiliaries.append(Auxiliary(f"level_{halvings}", f"decoder.blocks.{level}", head, weight))
    return auxiliaries, 1 / total


def nested_decoders(body: Body, classes: int) -> tuple[list[Auxiliary], float]:
    """Attach a linear classifier to each nested U-Net of a U-Net++, all with equal weight."""
    last = body.decoder.depth - 1
    names = [f"x_{depth}_{last}" for depth in range(last, 0, -1)]
    weight = 1 / (len(names) + 1)
    auxiliaries = [
        Auxiliary(
            f"nested_{number}",
            f"decoder.blocks.{name}",
            nn.Conv2d(_out_channels(body.decoder.blocks[name]), classes, 1),
            weight,
        )
        for number, name in enumerate(names, start=1)
    ]
    return auxiliaries, weight


def _out_channels(block: nn.Module) -> int:
    """Return the output channels of a block, which are those of its last convolution."""
    convolutions = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
    return convolutions[-1].out_channels
