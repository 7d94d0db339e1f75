"""ONNX file of a network, and its comparison with the network."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from math import inf, isnan
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np

from clothseg.error import DataError, first_line
from clothseg.model.sizes import Sizes

if TYPE_CHECKING:
    from torch import Tensor, nn

TOLERANCE = 1e-3
"""Maximum difference for a value of magnitude 1; rounding differs between the two runtimes."""


@dataclass(frozen=True)
class Graph:
    """Network as other programs call it.

    The first axis of every input and output is the batch, and the last two of every input are the
    height and the width.

    Args:
        network: takes the inputs by name and returns the outputs by name; in evaluation mode.
        outputs: name of each output in order, with the noun for one of its values.
        classes: name of the output [B,K,h,w] whose largest value is the class of a pixel.
        stride: height and width of any size are multiples of this, pixels.
        sizes: sizes of images that the network takes.
    """

    network: "nn.Module"
    outputs: Mapping[str, str]
    classes: str
    stride: int
    sizes: Sizes


@dataclass(frozen=True)
class Difference:
    """Difference of an output between ONNX Runtime and PyTorch.

    Args:
        absolute: maximum absolute difference of a value.
        largest: maximum absolute value, with which rounding errors scale.
    """

    absolute: float
    largest: float

    @property
    def relative(self) -> float:
        """Difference as a fraction of the largest value, or of 1 if that is smaller."""
        return self.absolute / max(1.0, self.largest)


@dataclass(frozen=True)
class Parity:
    """Numerical agreement of ONNX Runtime and PyTorch.

    Args:
        images: number of images.
        differences: difference of each output by name.
        agreement: fraction of pixels with the same predicted class.
    """

    images: int
    differences: Mapping[str, Difference]
    agreement: float

    @property
    def worst(self) -> tuple[str, Difference]:
        """Name and difference of the output that differs most."""

        def badness(item: tuple[str, Difference]) -> float:
            return inf if isnan(item[1].relative) else item[1].relative

        return max(self.differences.items(), key=badness)

    @property
    def equal(self) -> bool:
        """True if the results differ by rounding only."""
        return self.worst[1].relative <= TOLERANCE


def write_onnx(
    graph: Graph,
    path: Path,
    inputs: "Mapping[str, Tensor]",
    opset: int,
    entries: Mapping[str, str],
    any_size: bool,
) -> None:
    """Export a network to ONNX with metadata.

    Args:
        graph: the network.
        path: the file.
        inputs: inputs by name, in order, whose types and sizes are those for tracing.
        opset: ONNX opset version.
        entries: entries of the metadata.
        any_size: allow any height and width that are multiples of the stride.

    Raises:
        DataError: the network has an operation that this opset does not support.
    """
    import onnx
    import torch

    batch, rows, columns = (torch.export.Dim(name) for name in ("batch", "rows", "columns"))
    # A side of exactly one stride would be specialized to a constant.
    least = 2 * graph.stride if any_size else 1
    example, shapes = {}, {}
    for name, given in inputs.items():
        size = (max(side, least) for side in given.shape[-2:])
        example[name] = given.new_zeros(2, *given.shape[1:-2], *size)
        sides = {given.ndim - 2: graph.stride * rows, given.ndim - 1: graph.stride * columns}
        shapes[name] = {0: batch, **(sides if any_size else {})}
    try:
        with _quiet(), _constant_padding() if any_size else nullcontext():
            program = torch.onnx.export(
                graph.network,
                kwargs=example,
                dynamo=True,
                opset_version=opset,
                input_names=list(inputs),
                output_names=list(graph.outputs),
                dynamic_shapes=shapes,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        first = first_line(error)
        raise DataError(
            f"this network cannot be exported to ONNX opset {opset}: {first}"
        ) from error
    assert program is not None  # always the case with dynamo=True
    model = program.model_proto
    if model.opset_import[0].version != opset:
        actual = model.opset_import[0].version
        raise DataError(f"opset={opset}: not supported for this network; PyTorch exported {actual}")
    onnx.helper.set_model_props(model, dict(entries))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def compare(graph: Graph, path: Path, inputs: "Mapping[str, Tensor]") -> Parity:
    """Compare PyTorch and ONNX Runtime on the same inputs by name.

    Raises:
        DataError: ONNX Runtime cannot run the file.
    """
    import torch
    from onnxruntime import InferenceSession

    names = list(graph.outputs)
    try:
        session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
        found = session.run(names, {name: given.numpy() for name, given in inputs.items()})
    except Exception as error:  # its errors have no common base class
        first = first_line(error)
        raise DataError(f"ONNX Runtime cannot run the exported network: {first}") from error
    theirs = dict(zip(names, found, strict=True))
    with torch.inference_mode():
        ours = {name: output.numpy() for name, output in graph.network(**inputs).items()}
    differences = {
        name: Difference(
            absolute=float(np.abs(ours[name] - theirs[name]).max()),
            largest=float(np.abs(ours[name]).max()),
        )
        for name in names
    }
    labels = [outputs[graph.classes].argmax(1) for outputs in (ours, theirs)]
    agreement = float((labels[0] == labels[1]).mean())
    return Parity(len(labels[0]), differences, agreement)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence PyTorch, which logs each step of an export and warns about its own code."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def _constant_padding() -> Iterator[None]:
    """Replace the padding "same" of TensorFlow, with which timm builds some backbones, by numbers.

    It depends on the size of the features, and the symbolic sizes of a whole backbone take minutes
    or more to simplify. The images are multiples of the stride; so are the features that a layer
    strides over, and what its windows lack at the border is always the same. Where that is untrue,
    as in a network of the user's own without a stride, the comparison at a second size finds it.
    The library has no setting for it, so its function is replaced for the time of the export.
    """
    from timm.layers import padding

    def missing(size: int, kernel_size: int, stride: int, dilation: int) -> int:
        return max((kernel_size - 1) * dilation + 1 - stride, 0)

    with mock.patch.object(padding, "get_same_padding", missing):
        yield
