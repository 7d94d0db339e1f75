"""Construction of networks, with what their use needs."""

from typing import TYPE_CHECKING, Any

from clothseg.build.people import map_values
from clothseg.config.run_config import RunConfig
from clothseg.task import Parsing

if TYPE_CHECKING:
    from torch import nn

    from clothseg.model.network import Network
    from clothseg.task.parser import Parser
    from clothseg.task.segmenter import Segmenter


def build_segmenter(config: RunConfig) -> "Segmenter":
    """Build a newly initialized network with its postprocessing, without a training."""
    from clothseg.task.segmenter import Segmenter

    return Segmenter(**segmenter_arguments(config))


def build_parser(config: RunConfig) -> "Parser":
    """Build a newly initialized network for human parsing, without a training."""
    from clothseg.task.parser import Parser

    return Parser(**parser_arguments(config))


def build_network(config: RunConfig, classes: int) -> "Network":
    """Build a network with initial weights; a plain one of the user's own is wrapped."""
    from clothseg.model.network import as_network

    return as_network(config.model.given(config.backbone(), classes), config.data.frame.image_size)


def segmenter_arguments(config: RunConfig) -> dict[str, Any]:
    """Arguments of a segmenter, whose network is newly initialized."""
    import torch

    torch.manual_seed(config.seed)
    names = config.labels.names
    network = build_network(config, len(names))
    _place(network, config)
    return {
        "network": network,
        "names": names,
        "normalization": config.data.normalization,
        "postprocess": config.postprocess(),
    }


def parser_arguments(config: RunConfig) -> dict[str, Any]:
    """Arguments of a parser, whose network is newly initialized."""
    import torch

    assert isinstance(config.task, Parsing)
    torch.manual_seed(config.seed)
    values = map_values(config)
    sizes = {name: len(names) for name, names in values.items()}
    network = config.model.given(config.backbone(), sizes)
    _place(network, config)
    return {
        "network": network,
        "values": values,
        "normalization": config.data.normalization,
        "rules": config.task.rules,
    }


def _place(network: "nn.Module", config: RunConfig) -> None:
    """Apply the trainer's settings of memory and compilation to a network."""
    import torch

    if config.execution.channels_last:
        network.to(memory_format=torch.channels_last)
    if config.execution.compile:
        network.compile()  # in place, which keeps the state_dict names
