"""Command `scripts/export.py`: export the network of a recorded run to ONNX."""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np

from clothseg.config.command_line import check_settings
from clothseg.config.run_config import RunConfig
from clothseg.config.schema import NO_POSTPROCESS
from clothseg.config.settings import Export
from clothseg.dataset.image import read_image
from clothseg.error import ConfigError, DataError, first_line
from clothseg.extras import require_extra
from clothseg.files import replacing
from clothseg.geometry import PADDING_COLOR, ImageSize, sides
from clothseg.label_file import label_rows
from clothseg.model.sizes import ANY
from clothseg.run.restore import (
    load_segmenter,
    recorded_config,
    recorded_reader,
    short_name,
    warn_if_unfinished,
)
from clothseg.terminal.screen import console

if TYPE_CHECKING:
    from torch import Tensor, nn

    from clothseg.model.network import Network
    from clothseg.task.segmenter import Segmenter

NUM_COMPARED = 8
"""Number of images on which ONNX Runtime and PyTorch are compared."""

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


def export_command(overrides: list[str]) -> int:
    """Export a network, verify the file, and print the differences; return the exit status.

    Raises:
        ConfigError: the command line is invalid, or the folder contains no run with a best epoch.
        DataError: the file cannot be written, or its results differ from those of PyTorch.
    """
    options = check_settings(overrides, "export", Export)
    require_extra("onnx", "format=onnx")
    run, path = Path(options.run), Path(options.output)
    config = recorded_config(run, options.trust)
    warn_if_unfinished([run])
    _create_folder(path)
    segmenter = load_segmenter(config, [run], "none", [1.0]).eval()
    network, images = segmenter.network, _normalized_images(segmenter, config)
    with replacing(path) as temporary:
        parity, sizes = _write_and_compare(
            network, temporary, images, options, metadata(config, run)
        )
        if not parity.equal:
            raise DataError(
                f"{path} was not written: the logits of ONNX Runtime differ from those of PyTorch "
                f"by up to {parity.difference:.2g}; the largest logit is {parity.largest:.2g}"
            )
    console.print(
        f"ONNX Runtime and PyTorch on {parity.images} images: logits differ by at most "
        f"{parity.difference:.2g}, {100 * parity.agreement:.3f} % of pixels get the same class",
        highlight=False,
    )
    megabytes = path.stat().st_size / 1e6
    text = f"written to {path}: {megabytes:.1f} MB, opset {options.opset}, input size {sizes}"
    console.print(text, soft_wrap=True, markup=False)
    return 0


def _create_folder(path: Path) -> None:
    """Create the folder of the output file before any expensive work.

    Raises:
        DataError: the folder cannot be created.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"folder {path.parent} cannot be created ({error.strerror})"
        raise DataError(f"{path} cannot be written: {reason}") from error


def _write_and_compare(
    network: "Network", path: Path, images: "Tensor", options: Export, entries: Mapping[str, str]
) -> tuple[Parity, str]:
    """Write a network for any input size, or for a single size if the result depends on it.

    The reason is pooling into a fixed number of cells: the exported graph pools windows of a fixed
    size, which are correct for the traced input size only.

    Returns:
        Parity on the images, and a description of the supported input sizes.
    """
    import torch.nn.functional as F

    (height, width), stride, sizes = images.shape[-2:], network.stride, network.sizes
    size = height, width
    if height % stride == width % stride == 0 and sizes.exact is None:
        other = F.interpolate(images[:1], (height + stride, 2 * width), mode="bilinear")
        with suppress(DataError):  # a fixed size may work even if arbitrary sizes do not
            write_onnx(network, path, size, options.opset, entries, any_size=True)
            if compare(network, path, other).equal:
                described = f"any multiple of {stride} px" if sizes == ANY else str(sizes)
                return compare(network, path, images), described
    write_onnx(network, path, size, options.opset, entries, any_size=False)
    return compare(network, path, images), f"fixed at {height} x {width} px"


def metadata(config: RunConfig, run: Path) -> dict[str, str]:
    """Metadata that a program needs to use the network, each value encoded as JSON.

    `labels` are the rows of a `labels.json`, with the number of the channel as id. `mean` and
    `deviation` (standard deviation) of R, G, B normalize images in [0, 1]. `image_size` is the
    height and width used in training, pixels; one number for a square. `fit` is the rule by which
    images were brought to it, see :mod:`clothseg.geometry`, and `padding` the R, G, B of 0 to 255
    around images in a letterbox. `postprocess` converts logits to labels;
    `clothseg.postprocess.none` is their argmax. `crop` is the source of the person box that images
    were cropped to before. `run` is the short name of the run.
    """
    from clothseg.task.segmenter import NORMALIZATIONS

    mean, std = NORMALIZATIONS[config.data.normalization]
    content = {
        "labels": label_rows(replace(config.labels, background_id=0)),
        "mean": mean,
        "deviation": std,
        "image_size": config.data.frame.image_size,
        "fit": config.data.fit,
        "padding": PADDING_COLOR,
        "input": "images float32 [batch,3,height,width], RGB, scaled to [0, 1], then normalized",
        "output": "logits float32 [batch,classes,height,width]; `postprocess` tells the labels",
        "postprocess": config.plain.get("postprocess", NO_POSTPROCESS),
        "crop": config.preparation.crop,
        "run": short_name(run),
    }
    return {key: json.dumps(value) for key, value in content.items()}


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


def _normalized_images(segmenter: "Segmenter", config: RunConfig) -> "Tensor":
    """Preprocessed images of the dataset, or noise if the dataset is not available."""
    import torch

    frame = config.data.frame
    try:
        samples = recorded_reader(config).samples()[:NUM_COMPARED]
        original = [read_image(sample.image) for sample in samples]
        images = np.stack([frame.placement(*p.shape[:2]).image(p) for p in original])
    except (ConfigError, DataError) as error:
        console.print(f"comparing on random noise: {error}", soft_wrap=True, markup=False)
        images = np.random.default_rng(0).integers(0, 256, (NUM_COMPARED, *frame.size, 3), np.uint8)
    return segmenter.normalized(torch.from_numpy(images))


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
