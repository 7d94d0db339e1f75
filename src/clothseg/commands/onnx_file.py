"""ONNX file of a network, and its comparison with the network."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np

from clothseg.error import DataError, first_line
from clothseg.geometry import ImageSize, sides

if TYPE_CHECKING:
    from torch import Tensor, nn

    from clothseg.model.network import Network

TOLERANCE = 1e-3
"""Maximum difference for a logit of magnitude 1; rounding differs between the two runtimes."""


@dataclass(frozen=True)
class Parity:
    """Numerical agreement of ONNX Runtime and PyTorch.

    Args:
        images: number of images.
        difference: maximum absolute difference of a logit.
        largest: maximum absolute logit, with which rounding errors scale.
        agreement: fraction of pixels with the same predicted class.
    """

    images: int
    difference: float
    largest: float
    agreement: float

    @property
    def equal(self) -> bool:
        """True if the results differ by rounding only."""
        return self.difference <= TOLERANCE * max(1.0, self.largest)


def write_onnx(
    network: "Network",
    path: Path,
    image_size: ImageSize,
    opset: int,
    entries: Mapping[str, str],
    any_size: bool,
) -> None:
    """Export a network to ONNX with metadata.

    Args:
        network: network in evaluation mode that returns ``logits``.
        path: the file.
        image_size: height and width of the images for tracing, pixels; one number if equal.
        opset: ONNX opset version.
        entries: entries of the metadata.
        any_size: allow any height and width that are multiples of the stride.

    Raises:
        DataError: the network has an operation that this opset does not support.
    """
    import onnx
    import torch

    batch, rows, columns = (torch.export.Dim(name) for name in ("batch", "rows", "columns"))
    variable = {2: network.stride * rows, 3: network.stride * columns} if any_size else {}
    # A side of exactly one stride would be specialized to a constant.
    least = 2 * network.stride if any_size else 1
    example = torch.zeros(2, 3, *(max(side, least) for side in sides(image_size)))
    try:
        with _quiet(), _constant_padding() if any_size else nullcontext():
            program = torch.onnx.export(
                _logits_only(network),
                (example,),
                dynamo=True,
                opset_version=opset,
                input_names=["image"],
                output_names=["logits"],
                dynamic_shapes={"image": {0: batch, **variable}},
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


def compare(network: "nn.Module", path: Path, images: "Tensor") -> Parity:
    """Compare PyTorch and ONNX Runtime on the same normalized images float32 [N,3,H,W].

    Raises:
        DataError: ONNX Runtime cannot run the file.
    """
    import torch
    from onnxruntime import InferenceSession

    try:
        session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
        (theirs,) = session.run(["logits"], {"image": images.numpy()})
    except Exception as error:  # its errors have no common base class
        first = first_line(error)
        raise DataError(f"ONNX Runtime cannot run the exported network: {first}") from error
    with torch.inference_mode():
        ours = network(images)["logits"].numpy()
    return Parity(
        images=len(images),
        difference=float(np.abs(ours - theirs).max()),
        largest=float(np.abs(ours).max()),
        agreement=float((ours.argmax(1) == theirs.argmax(1)).mean()),
    )


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


def _logits_only(network: "nn.Module") -> "nn.Module":
    """Wrap a network to return only its logits instead of a dictionary."""
    from torch import nn

    class LogitsOnly(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: "Tensor") -> "Tensor":
            logits: Tensor = self.network(image)["logits"]
            return logits

    return LogitsOnly()
