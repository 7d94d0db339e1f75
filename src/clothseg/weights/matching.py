"""Matching of stored tensors to an encoder: prefixes, classifiers and the names of other libraries.

Works on names and shapes; an encoder may be on PyTorch's `meta` device.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from clothseg.error import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

Tensors = Mapping[str, "Tensor"]

CLASSIFIERS = (
    "classifier",
    "aux_classifier",
    "fc",
    "_fc",
    "head",
    "head_dist",
    "last_linear",
    "pre_logits",
)
"""Modules of complete networks, beside those of the encoder, that an encoder does not have."""

SAME_ORDER = ("efficientnet-", "mobilenet_v2", "tu-tf_efficientnet_lite", "tu-convnext_tiny")
"""Beginnings of encoder names whose layers all libraries define in one order, under other names.

Tests compare the features of each with those of the other library's network.
"""

SAME_KINDS = {"layer_scale": "gamma"}
"""Last parts of names that torchvision and timm use for one kind of tensor."""


def match(encoder: Tensors, name: str, state: Tensors, rest: frozenset[str]) -> dict[str, "Tensor"]:
    """Rename the tensors of a file to those of an encoder, and leave out the rest of the network.

    Args:
        encoder: state of the encoder.
        name: of the encoder in segmentation-models-pytorch.
        state: tensors of the file: an encoder, a network that ends in a classifier, or a larger
            network that contains the encoder, by any prefix.
        rest: canonical names of the complete network's layers, as far as they are known.

    Returns:
        Tensors by the names of the encoder; those that it does not know keep theirs.

    Raises:
        ConfigError: the file contains several such encoders.
    """
    names = {canonical(layer): layer for layer in encoder}
    tensors = {canonical(layer): tensor for layer, tensor in state.items()}
    prefix = _prefix(names, tensors)
    tensors = {
        layer.removeprefix(prefix): tensor
        for layer, tensor in tensors.items()
        if layer.startswith(prefix)
    }
    incomplete = any(layer not in tensors for layer in names if not _is_counter(layer))
    if incomplete and name.startswith(SAME_ORDER) and (renamed := _by_order(encoder, state)):
        return renamed
    modules = {layer.partition(".")[0] for layer in names}
    heads = {*CLASSIFIERS} - modules
    return {
        names.get(layer, layer): tensor
        for layer, tensor in tensors.items()
        if layer in names or not (layer in rest or layer.partition(".")[0] in heads)
    }


def canonical(layer: str) -> str:
    """Return one name for a layer that libraries or their versions name differently.

    `stages.0.norm` for `model.stages_0.norm` of an encoder made from a timm network;
    `denselayer1.norm1` for `denselayer1.norm.1` of a DenseNet of torchvision before 0.3.
    """
    layer = re.sub(r"(^|\.)([a-z]+)_(\d+)\.", r"\1\2.\3.", layer.removeprefix("model."))
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d\.)", r"\1\2", layer)


def differences(encoder: Tensors, tensors: Tensors) -> list[str]:
    """Describe the layers that prevent loading; lists the first five of each kind."""
    # Files older than PyTorch 0.4.1 lack the batch counters, which have no effect.
    required = [layer for layer in encoder if not _is_counter(layer)]
    reshaped = [
        layer
        for layer in encoder
        if layer in tensors and tensors[layer].shape != encoder[layer].shape
    ]
    if reshaped == required[:1] and tensors[reshaped[0]].ndim == 4:
        channels = tensors[reshaped[0]].shape[1]
        if channels != encoder[reshaped[0]].shape[1]:
            return [
                f"its first convolution {reshaped[0]} takes {channels} channels, but photos have 3"
            ]
    kinds = {
        "missing": [layer for layer in required if layer not in tensors],
        "not in this encoder": [layer for layer in tensors if layer not in encoder],
        "with another shape": [
            f"{layer} {list(tensors[layer].shape)} instead of {list(encoder[layer].shape)}"
            for layer in reshaped
        ],
    }
    return [
        f"{len(layers)} layers {kind}: {', '.join(layers[:5])}{' …' if len(layers) > 5 else ''}"
        for kind, layers in kinds.items()
        if layers
    ]


def non_finite(tensors: Tensors) -> list[str]:
    """Return the layers that contain NaN or infinite values."""
    return [
        layer
        for layer, tensor in tensors.items()
        if tensor.is_floating_point() and not bool(tensor.isfinite().all())
    ]


def _prefix(names: Mapping[str, str], tensors: Tensors) -> str:
    """Return the prefix under which most layers of the encoder are found, such as `encoder.`.

    Raises:
        ConfigError: there are several, for example those of a student and of a teacher.
    """
    counts: Counter[str] = Counter()
    for layer in tensors:
        starts = [0, *(dot.end() for dot in re.finditer(r"\.", layer))]
        counts.update(layer[:start] for start in starts if layer[start:] in names)
    if not counts:
        return ""
    most = max(counts.values())
    found = [prefix for prefix, count in counts.items() if count == most]
    if len(found) > 1 and 2 * most > len(names):
        listed = ", ".join(f"{prefix or '(no prefix)'}" for prefix in found)
        raise ConfigError(
            [f"contains {len(found)} encoders, {listed}; save one of them in a file of its own"]
        )
    return found[0]


def _by_order(encoder: Tensors, state: Tensors) -> dict[str, "Tensor"] | None:
    """Rename tensors by their position; None unless each has the kind and shape of its layer.

    Axes of length 1 are not compared, because libraries store some vectors as [C,1,1].
    """
    layers = [layer for layer in encoder if not _is_counter(layer)]
    stored = [layer for layer in state if not _is_counter(layer)]
    if len(stored) < len(layers):
        return None
    pairs = list(zip(layers, stored, strict=False))  # the rest is the end of the network
    same = all(
        _kind(layer) == _kind(other) and _extent(encoder[layer]) == _extent(state[other])
        for layer, other in pairs
    )
    if not same:
        return None
    return {layer: state[other].reshape(encoder[layer].shape) for layer, other in pairs}


def _kind(layer: str) -> str:
    last = layer.rpartition(".")[2]
    return SAME_KINDS.get(last, last)


def _extent(tensor: "Tensor") -> list[int]:
    return [size for size in tensor.shape if size > 1]


def _is_counter(layer: str) -> bool:
    return layer.endswith("num_batches_tracked")
